//go:build linux

package integration

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
		if !errors.As(err, &version) || version.Found != 1 || version.Known != 3 || !strings.Contains(err.Error(), "SHMBUS_DOMAIN") {
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
		old.must("none s")
		out, err := command(shmmon, dir, "ps").CombinedOutput()
		if !strings.Contains(string(out), "version 1") || !strings.Contains(string(out), "version 3") {
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

// nextVersion builds this program as it would be with the next version of the layout.
func nextVersion(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	version := regexp.MustCompile(`(?m)^(\s*[lL]ayoutVersion\s*= )3$`)
	replaced := map[string]string{}
	for _, name := range []string{"../registry/layout.go", "../shmtransport/layout.go"} {
		path, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		next := version.ReplaceAll(text, []byte("${1}4"))
		if bytes.Equal(next, text) {
			t.Fatalf("%s has no version to replace", name)
		}
		replaced[path] = filepath.Join(dir, strings.ReplaceAll(name[3:], "/", "-"))
		if err := os.WriteFile(replaced[path], next, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay := filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "next")
	build(t, path, ".", "GOFLAGS=-mod=readonly -overlay="+overlay)
	return path
}

// Two programs, each of its own version, whichever was there first.
func TestProgramsOfTwoVersionsRefuseEachOther(t *testing.T) {
	next := nextVersion(t)
	this := func(t *testing.T, dir, role string, args ...string) *child { return start(t, dir, role, args...) }
	that := func(t *testing.T, dir, role string, args ...string) *child {
		return launch(t, exec.Command(next, args...), dir, role)
	}
	for name, of := range map[string][2]func(*testing.T, string, string, ...string) *child{
		"the older was there": {this, that}, "the newer was there": {that, this},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := newDomain(t)
			work := func(c *child) {
				t.Helper()
				c.must("send p 3 50")
				c.must("send p 3 5000")
				if a := c.must("take s 6"); a.Received != 6 || a.Lost != 0 {
					t.Errorf("received %+v", a.answer)
				}
				c.must("none s")
			}
			clean := func(by func(*testing.T, string, string, ...string) *child) {
				t.Helper()
				before := files(t, dir)
				var r result
				c := by(t, dir, "deed", "-do", "clean")
				c.expect(&r)
				if len(r.Found) != 0 || !slices.Equal(files(t, dir), before) {
					t.Errorf("cleaned %q of %q: %s", r.Found, before, r.Error)
				}
				c.finish()
			}
			first, second := of[0](t, dir, "attempt"), of[1](t, dir, "attempt")
			first.must("join")
			first.must("pub p t")
			first.must("sub s t")
			work(first)
			before := files(t, dir)
			a := second.can("join")
			for _, part := range []string{"version 3", "version 4", "SHMBUS_DOMAIN"} {
				if !strings.Contains(a.Text, part) {
					t.Errorf("the second is refused with %q, without %q", a.Text, part)
				}
			}
			if now := files(t, dir); !slices.Equal(now, before) {
				t.Errorf("the second was refused, and of %q there is %q now", before, now)
			}
			clean(of[1])
			work(first)

			// Somebody removes the registry file, which alone keeps them apart.
			if err := os.Remove(filepath.Join(dir, "d", "registry")); err != nil {
				t.Fatal(err)
			}
			for second.can("join").Err != "" { // the first may have made a new one before
				if err := os.Remove(filepath.Join(dir, "d", "registry")); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
			}
			second.must("heard unusable 1")
			second.must("pub p t")
			second.must("sub s t")
			first.must("heard unusable 1")
			for range 2 {
				work(second)
				work(first)
			}
			clean(of[0])
			clean(of[1])
			first.finish()
			work(second)
			second.finish()
			if left := files(t, dir); len(left) != 0 {
				t.Errorf("they left %q", left)
			}
			os.Remove(filepath.Join(dir, "d", "registry")) // this program joins once more, to see that nothing is left
		})
	}
}
