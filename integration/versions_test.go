//go:build linux

package integration

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
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

// Versions of the layout: of this program, and of others that it may meet.
const (
	thisVersion  = 3
	olderVersion = thisVersion - 1
	newerVersion = thisVersion + 1
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
		startAttemptAgent(t, dir).finish()
		registryFile := filepath.Join(dir, "d", "registry")
		patch(t, registryFile, olderVersion)
		p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
		var version *topic.VersionError
		if !errors.As(err, &version) || version.Found != olderVersion || version.Known != thisVersion || !strings.Contains(err.Error(), "SHMBUS_DOMAIN") {
			t.Errorf("joined %v: %v", p, err)
		}
		if n := entries(t, dir); n != 1 {
			t.Errorf("%d files", n)
		}
		patch(t, registryFile, thisVersion)
	})
	t.Run("a participant of another version", func(t *testing.T) {
		dir := newDomain(t)
		old, one := startAttemptAgent(t, dir), start(t, dir, "attempt")
		old.mustSucceed("pub p t")
		old.mustSucceed("sub s t")
		patch(t, filepath.Join(dir, "d", "*.participant"), olderVersion) // it was not there before either of them
		one.mustSucceed("join")
		one.mustSucceed("heard unusable 1")
		one.mustSucceed("sub s t")
		one.mustSucceed("pub p t")
		one.mustSucceed("send p 3 500")
		if a := one.mustSucceed("take s 3"); a.Lost != 0 {
			t.Errorf("it lost %d", a.Lost)
		}
		old.mustSucceed("none s")
		out, err := command(shmmon, dir, "ps").CombinedOutput()
		if !strings.Contains(string(out), versionText(olderVersion)) || !strings.Contains(string(out), versionText(thisVersion)) {
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
		old, one := startAttemptAgent(t, dir), startAttemptAgent(t, dir)
		old.mustSucceed("pub p t")
		old.mustSucceed("sub s u")
		patch(t, filepath.Join(dir, "d", "*.pub.1"), newerVersion)
		patch(t, filepath.Join(dir, "d", "*.reader"), newerVersion)
		one.mustSucceed("sub s t")
		one.mustSucceed("heard unusable:t 1")
		one.mustSucceed("pub p u") // waits a second for a subscription that it cannot connect
		old.mustSucceed("send p 3 500")
		one.mustSucceed("none s")
		one.mustSucceed("pub mine t")
		one.mustSucceed("send mine 3 500")
		one.mustSucceed("take s 3")
		patch(t, filepath.Join(dir, "d", "*.pub.1"), thisVersion)
		old.finish()
		one.finish()
	})
}

func versionText(v int) string { return fmt.Sprintf("version %d", v) }

// nextVersion builds this program as it would be with the next version of the layout.
func nextVersion(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	version := regexp.MustCompile(fmt.Sprintf(`(?m)^(\s*[lL]ayoutVersion\s*= )%d$`, thisVersion))
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
		next := version.ReplaceAll(text, fmt.Appendf(nil, "${1}%d", newerVersion))
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
				c.mustSucceed("send p 3 50")
				c.mustSucceed("send p 3 5000")
				if a := c.mustSucceed("take s 6"); a.Received != 6 || a.Lost != 0 {
					t.Errorf("received %+v", a.agentReply)
				}
				c.mustSucceed("none s")
			}
			clean := func(by func(*testing.T, string, string, ...string) *child) {
				t.Helper()
				before := files(t, dir)
				var r accessResult
				c := by(t, dir, "access", "-do", "clean")
				c.expect(&r)
				if len(r.Found) != 0 || !slices.Equal(files(t, dir), before) {
					t.Errorf("cleaned %q of %q: %s", r.Found, before, r.Error)
				}
				c.finish()
			}
			first, second := of[0](t, dir, "attempt"), of[1](t, dir, "attempt")
			first.mustSucceed("join")
			first.mustSucceed("pub p t")
			first.mustSucceed("sub s t")
			work(first)
			before := files(t, dir)
			a := second.attempt("join")
			for _, part := range []string{versionText(thisVersion), versionText(newerVersion), "SHMBUS_DOMAIN"} {
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
			for second.attempt("join").Err != "" { // the first may have made a new one before
				if err := os.Remove(filepath.Join(dir, "d", "registry")); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
			}
			second.mustSucceed("heard unusable 1")
			second.mustSucceed("pub p t")
			second.mustSucceed("sub s t")
			first.mustSucceed("heard unusable 1")
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
