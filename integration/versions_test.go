//go:build linux

package integration

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// Whoever speaks another version is refused by name, and let live.
func TestTwoVersionsSideBySideRefuseEachOtherClearly(t *testing.T) {
	const offVersion = 8
	shmmon := tool(t, "shmmon")
	patch := func(t *testing.T, pattern string, version uint32) {
		t.Helper()
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) != 1 {
			t.Fatalf("%s: %q, %v", pattern, paths, err)
		}
		f, err := os.OpenFile(paths[0], os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt(binary.NativeEndian.AppendUint32(nil, version), offVersion); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("a domain of another version", func(t *testing.T) {
		dir := newDomain(t)
		tryAll(t, dir).finish()
		registryFile := filepath.Join(dir, "d", "registry")
		patch(t, registryFile, 1)
		p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
		var version *registry.VersionError
		if !errors.As(err, &version) || version.Found != 1 || version.Known != 2 || !strings.Contains(err.Error(), "SHMBUS_DOMAIN") {
			t.Errorf("joined %v: %v", p, err)
		}
		if n := entries(t, dir); n != 1 {
			t.Errorf("%d files", n)
		}
		patch(t, registryFile, 2)
	})
	t.Run("a participant of another version", func(t *testing.T) {
		dir := newDomain(t)
		old, one := tryAll(t, dir), start(t, dir, "attempt")
		old.must("pub p t")
		old.must("sub s t")
		patch(t, filepath.Join(dir, "d", "*.participant"), 1) // it was not there before either of them
		one.must("join")
		one.must("heard unusable 1")
		one.must("sub s t")
		one.must("pub p t")
		one.must("send p 3 500")
		if a := one.must("take s 3"); a.Lost != 0 {
			t.Errorf("it lost %d", a.Lost)
		}
		if a := old.can("take s 0"); a.Err != "" {
			t.Errorf("the other: %s", a.Text)
		}
		out, err := command(shmmon, dir, "ps").CombinedOutput()
		if !strings.Contains(string(out), "version 1") || !strings.Contains(string(out), "version 2") {
			t.Errorf("shmmon ps: %v, %s", err, out)
		}
		if removed, err := registry.Clean(filepath.Join(dir, "d"), false); len(removed) != 0 || err != nil {
			t.Errorf("cleaned %q, %v", removed, err)
		}
		// Dead, it is one like others.
		old.kill()
		if removed, err := registry.Clean(filepath.Join(dir, "d"), false); len(removed) == 0 && entries(t, dir) > 4 || err != nil {
			t.Errorf("cleaned %q, %v", removed, err)
		}
		one.finish()
	})
	t.Run("a publisher and a reader of another version", func(t *testing.T) {
		dir := newDomain(t)
		old, one := tryAll(t, dir), tryAll(t, dir)
		old.must("pub p t")
		old.must("sub s u")
		patch(t, filepath.Join(dir, "d", "*.pub.1"), 3)
		patch(t, filepath.Join(dir, "d", "*.reader"), 3)
		one.must("sub s t")
		one.must("heard unusable:t 1")
		one.must("pub p u") // waits a second for a subscription that it cannot connect
		old.must("send p 3 500")
		one.must("none s")
		one.must("pub mine t")
		one.must("send mine 3 500")
		one.must("take s 3")
		patch(t, filepath.Join(dir, "d", "*.pub.1"), 2)
		old.finish()
		one.finish()
	})
}
