package sink

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// arrivalInterval is how often the system is asked for bytes on their way.
const arrivalInterval = 2 * time.Millisecond

// arrived returns when the receiver's machine has acknowledged every byte that
// was written to a TCP connection.
func arrived(ctx context.Context, conn net.Conn) error {
	tcp, ok := conn.(syscall.Conn)
	if !ok {
		return nil // no socket
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	for {
		var left int
		var failed error
		err := raw.Control(func(fd uintptr) { left, failed = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
		if err != nil || failed != nil {
			return fmt.Errorf("bytes on their way: %w", cmp.Or(err, failed))
		}
		if left == 0 {
			return nil
		}
		if err := sleep(ctx, arrivalInterval); err != nil {
			return fmt.Errorf("%d bytes have not arrived: %w", left, err)
		}
	}
}
