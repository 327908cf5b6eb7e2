//go:build tools

// Names what scripts/control_plane/build --istio makes.
package rig

import (
	_ "istio.io/istio/pilot/cmd/pilot-agent"
	_ "istio.io/istio/pilot/cmd/pilot-discovery"
)
