//go:build !linux

package sink

import (
	"context"
	"net"
)

// arrived returns at once: this system does not tell which bytes were
// acknowledged.
func arrived(context.Context, net.Conn) error { return nil }
