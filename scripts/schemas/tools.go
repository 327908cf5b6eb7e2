//go:build tools

// Names what scripts/schemas/build takes CRDs from, so that go.mod keeps it.
package main

import _ "sigs.k8s.io/gateway-api/apis/v1"
