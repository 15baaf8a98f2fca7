//go:build linux

package capnproto

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/internal/sigbus"
	"github.com/shmbus/shmbus/internal/testcapnp"
)

// truncated is a payload in a file that has only its first page any more.
func truncated(t *testing.T, payload []byte) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, payload, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := shm.OpenShared(path)
	if err != nil {
		t.Fatal(err)
	}
	size := (len(payload) + shm.PageSize() - 1) / shm.PageSize() * shm.PageSize()
	if err := os.Truncate(path, int64(size)); err != nil {
		t.Fatal(err)
	}
	m, err := f.Map(0, size, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Unmap(); f.Close() })
	if err := os.Truncate(path, int64(shm.PageSize())); err != nil {
		t.Fatal(err)
	}
	return m.Bytes()[:len(payload)]
}

func TestCodec_ReadOfTruncatedFile(t *testing.T) {
	c := imageCodec(t)
	payload := truncated(t, encode(t, c, testcapnp.BuildImage(200, 200)))
	sum := byte(0)
	read := func(m testcapnp.Image) error {
		data, err := m.Data()
		for _, b := range data {
			sum += b
		}
		return err
	}
	if err := c.Read(payload, read); !isBad(err) || !strings.Contains(err.Error(), "truncated its file") {
		t.Error(err)
	}
	// Within Sample.Read the fault is that of the sample.
	func() {
		defer func(before sigbus.Mode) {
			before.Restore()
			if e := recover(); !sigbus.In(e, payload) {
				t.Error("the fault does not reach the outer guard:", e)
			}
		}(sigbus.Guard())
		t.Error(c.Read(payload, read))
	}()
}
