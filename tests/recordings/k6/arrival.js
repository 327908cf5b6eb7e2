
import http from 'k6/http';
export const options = {
  scenarios: {load: {executor: 'constant-arrival-rate', rate: 100, timeUnit: '1s', duration: '2s', preAllocatedVUs: 8}},
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)', 'p(99.9)', 'count'],
};
export default function () { http.get(__ENV.TARGET); }
export function handleSummary(data) { return {[__ENV.HANDLED]: JSON.stringify(data)}; }
