//go:build tools

// Names what scripts/control_plane/build makes, so that go.mod keeps what it needs.
package rig

import _ "sigs.k8s.io/metrics-server/cmd/metrics-server"
