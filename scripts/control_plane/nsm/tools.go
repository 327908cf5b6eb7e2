//go:build tools

// Names what scripts/control_plane/build --nsm makes.
package rig

import (
	_ "github.com/spiffe/spire-controller-manager/cmd"
	_ "github.com/spiffe/spire/cmd/spire-agent"
	_ "github.com/spiffe/spire/cmd/spire-server"
)
