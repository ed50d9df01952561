package source_test

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// TestActions reads the table of what a request becomes: mount type, or - if
// unknown, mount point, operation, path within the mount, action.
func TestActions(t *testing.T) {
	file, err := os.Open("testdata/actions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		f := strings.Fields(lines.Text())
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		if len(f) < 5 {
			t.Fatalf("line %d has %d fields", n, len(f))
		}
		request := members{"operation": f[2], "path": f[1] + strings.TrimPrefix(f[3], "-")}
		if f[0] != "-" {
			request["mount_type"], request["mount_point"] = f[0], f[1]
		}
		if strings.HasPrefix(f[1], "auth/") {
			request["mount_class"] = "auth"
		}
		switch strings.Join(f[5:], " ") {
		case "with policies":
			request["data"] = members{"token_policies": "hmac-sha256:00"}
		case "without policies":
			request["data"] = members{"policies": []string{}}
		}
		if got := answer(t, request).Action; string(got) != f[4] {
			t.Errorf("line %d: %s %s%s is %s, want %s", n, f[2], f[1], f[3], got, f[4])
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}
