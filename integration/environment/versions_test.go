//go:build linux

package environment

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// Versions of the layout: of this program, and of others that it may meet.
const (
	thisVersion  = harness.LayoutVersion
	olderVersion = thisVersion - 1
	newerVersion = thisVersion + 1
)

// A process of another version is refused by name, and not taken for dead.
func TestVersions_FilesOfAnother(t *testing.T) {
	const offVersion = 8
	shmmon := harness.BuildTool(t, "shmmon")
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
		dir := harness.NewDomain(t)
		agent.Start(t, dir).Finish()
		registryFile := filepath.Join(dir, "d", "registry")
		patch(t, registryFile, olderVersion)
		p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
		var version *topic.VersionError
		if !errors.As(err, &version) || version.Found != olderVersion || version.Known != thisVersion || !strings.Contains(err.Error(), "SHMBUS_DOMAIN") {
			t.Errorf("joined %v: %v", p, err)
		}
		if n := harness.CountFiles(t, dir); n != 1 {
			t.Errorf("%d files", n)
		}
		patch(t, registryFile, thisVersion)
	})
	t.Run("a participant of another version", func(t *testing.T) {
		dir := harness.NewDomain(t)
		old, one := agent.Start(t, dir), agent.New(t, dir)
		old.Advertise("p", "t")
		old.Subscribe("s", "t")
		patch(t, filepath.Join(dir, "d", "*.participant"), olderVersion) // it was not there before either of them
		one.Join()
		one.Hear(topic.Unavailable, 1)
		one.Subscribe("s", "t")
		one.Advertise("p", "t")
		one.Send("p", 3, 500)
		if a := one.Take("s", 3); a.Lost != 0 {
			t.Errorf("it lost %d", a.Lost)
		}
		old.TakeNone("s")
		out, err := harness.Command(shmmon, dir, "ps").CombinedOutput()
		if !strings.Contains(string(out), versionText(olderVersion)) || !strings.Contains(string(out), versionText(thisVersion)) {
			t.Errorf("shmmon ps: %v, %s", err, out)
		}
		if removed, err := registry.Clean(filepath.Join(dir, "d"), false); len(removed) != 0 || err != nil {
			t.Errorf("cleaned %q, %v", removed, err)
		}
		// Dead, it is one like others.
		old.Kill()
		if removed, err := registry.Clean(filepath.Join(dir, "d"), false); len(removed) == 0 && harness.CountFiles(t, dir) > 4 || err != nil {
			t.Errorf("cleaned %q, %v", removed, err)
		}
		one.Finish()
	})
	t.Run("a publisher and a reader of another version", func(t *testing.T) {
		dir := harness.NewDomain(t)
		old, one := agent.Start(t, dir), agent.Start(t, dir)
		old.Advertise("p", "t")
		old.Subscribe("s", "u")
		patch(t, filepath.Join(dir, "d", "*.pub.1"), newerVersion)
		patch(t, filepath.Join(dir, "d", "*.reader"), newerVersion)
		one.Subscribe("s", "t")
		one.HearOf(topic.Unavailable, "t", 1)
		one.Advertise("p", "u") // waits a second for a subscription that it cannot connect
		old.Send("p", 3, 500)
		one.TakeNone("s")
		one.Advertise("mine", "t")
		one.Send("mine", 3, 500)
		one.Take("s", 3)
		patch(t, filepath.Join(dir, "d", "*.pub.1"), thisVersion)
		old.Finish()
		one.Finish()
	})
}

func versionText(v int) string { return fmt.Sprintf("version %d", v) }

// nextVersion builds this program as it would be with the next version of the layout.
func nextVersion(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	version := regexp.MustCompile(fmt.Sprintf(`(?m)^(\s*[lL]ayoutVersion\s*= )%d$`, thisVersion))
	replaced := map[string]string{}
	for _, name := range []string{"registry/layout.go", "shmtransport/layout.go"} {
		path, err := filepath.Abs(filepath.Join("../..", name))
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
		replaced[path] = filepath.Join(dir, strings.ReplaceAll(name, "/", "-"))
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
	harness.BuildTests(t, path, "GOFLAGS=-mod=readonly -overlay="+overlay)
	return path
}

// Two programs, each of its own version, in either order.
func TestVersions_ProgramsRefuseEachOther(t *testing.T) {
	this, that := harness.Options{}, harness.Options{Program: []string{nextVersion(t)}}
	for name, of := range map[string][2]harness.Options{
		"the older was there": {this, that}, "the newer was there": {that, this},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := harness.NewDomain(t)
			work := func(c agent.Agent) {
				t.Helper()
				c.Send("p", 3, 50)
				c.Send("p", 3, 5000)
				if a := c.Take("s", 6); a.Received != 6 || a.Lost != 0 {
					t.Errorf("received %+v", a)
				}
				c.TakeNone("s")
			}
			clean := func(by harness.Options) {
				t.Helper()
				before := harness.Files(t, dir)
				c := agent.NewWith(t, dir, by)
				found, f := harness.Try(c.Child, agent.Clean{})
				if len(found) != 0 || !slices.Equal(harness.Files(t, dir), before) {
					t.Errorf("cleaned %q of %q: %+v", found, before, f)
				}
				c.Finish()
			}
			first, second := agent.NewWith(t, dir, of[0]), agent.NewWith(t, dir, of[1])
			first.Join()
			first.Advertise("p", "t")
			first.Subscribe("s", "t")
			work(first)
			before := harness.Files(t, dir)
			_, f := harness.Try(second.Child, agent.Join{})
			if f == nil {
				t.Fatal("the second is not refused")
			}
			for _, part := range []string{versionText(thisVersion), versionText(newerVersion), "SHMBUS_DOMAIN"} {
				if !strings.Contains(f.Text, part) {
					t.Errorf("the second is refused with %q, without %q", f.Text, part)
				}
			}
			if now := harness.Files(t, dir); !slices.Equal(now, before) {
				t.Errorf("the second was refused, and of %q there is %q now", before, now)
			}
			clean(of[1])
			work(first)

			// The registry file, which alone keeps them apart, is removed.
			if err := os.Remove(filepath.Join(dir, "d", "registry")); err != nil {
				t.Fatal(err)
			}
			for f != nil { // the first may have made a new one before
				if _, f = harness.Try(second.Child, agent.Join{}); f == nil {
					break
				}
				if err := os.Remove(filepath.Join(dir, "d", "registry")); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
			}
			second.Hear(topic.Unavailable, 1)
			second.Advertise("p", "t")
			second.Subscribe("s", "t")
			first.Hear(topic.Unavailable, 1)
			for range 2 {
				work(second)
				work(first)
			}
			clean(of[0])
			clean(of[1])
			first.Finish()
			work(second)
			second.Finish()
			if left := harness.Files(t, dir); len(left) != 0 {
				t.Errorf("they left %q", left)
			}
			os.Remove(filepath.Join(dir, "d", "registry")) // this program joins once more, to see that nothing is left
		})
	}
}
