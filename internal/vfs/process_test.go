package vfs_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/scaivault/audit/internal/vfs"
)

// TestLockOfAnotherProcess starts the test binary again as the holder.
func TestLockOfAnotherProcess(t *testing.T) {
	const variable = "VFS_TEST_LOCK"
	if name := os.Getenv(variable); name != "" {
		_, err := vfs.OS{}.Lock(name)
		check(t, err)
		os.Stdout.WriteString("locked\n")
		bufio.NewReader(os.Stdin).ReadString('\n') // until killed
		return
	}
	name := filepath.Join(t.TempDir(), "lock")
	child := exec.Command(os.Args[0], "-test.run=^TestLockOfAnotherProcess$")
	child.Env = append(os.Environ(), variable+"="+name)
	in, err := child.StdinPipe()
	check(t, err)
	defer in.Close()
	out, err := child.StdoutPipe()
	check(t, err)
	check(t, child.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	_, err = vfs.OS{}.Lock(name)
	wantError(t, err, vfs.ErrLocked)
	if !strings.Contains(err.Error(), strconv.Itoa(child.Process.Pid)) {
		t.Errorf("error %q does not name process %d", err, child.Process.Pid)
	}
	check(t, child.Process.Kill())
	child.Wait()
	lock, err := vfs.OS{}.Lock(name)
	check(t, err)
	check(t, lock.Close())
}
