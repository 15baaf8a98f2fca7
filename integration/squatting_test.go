//go:build linux

package integration

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/doctor"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// A squattedReport is a report of squattedRole.
type squattedReport struct {
	ID     string
	Errors []string // of the calls since the last report
	Log    string   // of its closing
}

// squattedRole joins and reports its id. For each number on its standard input the role makes publishers with a schema and subscribers,
// and reports the errors. At the end of the input the role closes and reports the log of closing.
func squattedRole([]string) error {
	var log bytes.Buffer
	told, asked := readNumbers()
	p, err := topic.Join(&topic.Options{Unit: "tenant", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(p.Dir(), "*.participant"))
	if err != nil || len(files) != 1 {
		return errors.Join(err, errors.New("the tenant is not alone"))
	}
	if err := report(squattedReport{ID: strings.TrimSuffix(filepath.Base(files[0]), ".participant")}); err != nil {
		return err
	}
	type pose struct{ X float64 }
	for range told {
		var t squattedReport
		for range 2 {
			if _, err := topic.NewPublisher[pose](context.Background(), p, "pose", nil); err != nil {
				t.Errors = append(t.Errors, err.Error())
			}
			if _, err := topic.NewSubscriber[pose](context.Background(), p, "pose", nil); err != nil {
				t.Errors = append(t.Errors, err.Error())
			}
		}
		if err := report(t); err != nil {
			return err
		}
	}
	<-asked
	if err := p.Close(); err != nil {
		return err
	}
	return report(squattedReport{Log: log.String()})
}

// newStickyUserDomain is a shared, sticky domain that belongs to neither of those who meet in it: the insider has it, the owner is the
// victim, and the member plants files.
func newStickyUserDomain(t *testing.T) *userDomain {
	t.Helper()
	w := newUserDomain(t, sticky)
	if err := errors.Join(os.Chown(w.domain(), int(insider().uid), shared), os.Chmod(w.domain(), sticky)); err != nil {
		t.Fatal(err)
	}
	return w
}

// startSquatted starts one as the victim and returns its id.
func (w *userDomain) startSquatted() (c *child, id string) {
	w.t.Helper()
	c = w.run(owner(), "squatted")
	var said squattedReport
	c.expect(&said)
	return c, said.ID
}

// work has the victim make publishers and subscribers, and returns the errors.
func (c *child) work() []string {
	c.t.Helper()
	c.sendNumber(1)
	var said squattedReport
	c.expect(&said)
	return said.Errors
}

// squat creates a file as the member, with a name in the domain.
func (w *userDomain) squat(name string, mode fs.FileMode) string {
	w.t.Helper()
	path := filepath.Join(w.domain(), name)
	var err error
	switch {
	case mode.IsDir():
		err = os.Mkdir(path, mode.Perm())
	case mode&fs.ModeNamedPipe != 0:
		err = syscall.Mkfifo(path, 0o600)
	default:
		err = os.WriteFile(path, []byte("planted"), mode)
	}
	if err = errors.Join(err, os.Chown(path, int(member().uid), shared)); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// remaining are the names in the domain, without that of the registry file.
func (w *userDomain) remaining() (names []string) {
	w.t.Helper()
	list, err := os.ReadDir(w.domain())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range list {
		if e.Name() != registry.RegistryFile {
			names = append(names, e.Name())
		}
	}
	return names
}

func wantLeft(t *testing.T, w *userDomain, want ...string) {
	t.Helper()
	if got := w.remaining(); !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
}

func wantParts(t *testing.T, s string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(s, part) {
			t.Errorf("%q is not in: %s", part, s)
		}
	}
}

// A foreign file with the name of a dead participant's file does not stop the cleanup, even if it comes first and may not be removed.
func TestAPlantedFileKeepsNothingOfTheDead(t *testing.T) {
	for name, clean := range map[string]func(w *userDomain){
		"who joins": func(w *userDomain) { w.run(owner(), "publish").ready().finish() },
		"clean": func(w *userDomain) {
			r := w.try(owner(), "clean")
			wantParts(t, r.Error, ".pub.0", "user 5002", "run as the owner of the file or of the directory")
			if len(r.Found) < 3 {
				t.Errorf("removed %q", r.Found)
			}
		},
		"who sees the death": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := newStickyUserDomain(t)
			c, id := w.startSquatted()
			if errs := c.work(); len(errs) > 0 {
				t.Fatal(errs)
			}
			w.squat(id+".pub.0", 0o644)
			w.squat(id+".schema.0", 0o644)
			var witness *child
			if clean == nil {
				witness = w.run(owner(), "publish", "-topic", "other", "-pause", "1ms").ready()
			}
			c.kill()
			if clean != nil {
				clean(w)
			} else {
				w.run(owner(), "publish").ready().finish() // it joins, so that the first has had its turn, or has it done for it
				witness.finish()
			}
			planted := []string{id + ".pub.0", id + ".schema.0"}
			wantLeft(t, w, planted...)

			// The remaining files do not count as a participant, and a cleanup with permission removes them.
			r := examine(t, w.dir, shortSample)
			found := map[doctor.Fault]doctor.Finding{}
			for _, f := range r.Findings {
				found[f.Fault] = f
			}
			if f := found[doctor.Dead]; f.FileCount != 2 || !strings.Contains(f.Remedy, "user 5002") {
				t.Errorf("%+v", f)
			}
			if seen := w.try(owner(), "list"); seen.Error != "" {
				t.Error(seen.Error)
			}
			if r := w.try(member(), "clean"); r.Error != "" || len(r.Found) != 2 {
				t.Errorf("%+v", r)
			}
			wantLeft(t, w)
		})
	}
}

func TestAPlantedFileKeepsNobodyFromLeaving(t *testing.T) {
	w := newStickyUserDomain(t)
	c, id := w.startSquatted()
	if errs := c.work(); len(errs) > 0 {
		t.Fatal(errs)
	}
	w.squat(id+".pub.0", 0o644)
	c.in.Close()
	var said squattedReport
	c.expect(&said) // Close returned no error
	wantParts(t, said.Log, "level=WARN", id+".pub.0", "user 5002")
	c.finish()
	wantLeft(t, w, id+".pub.0")
	if names, err := registry.Clean(w.domain(), false); err != nil || len(names) != 1 { // by root
		t.Errorf("removed %q, %v", names, err)
	}
}

// Files of the same user as a dead participant keep its participant file, so that a later cleanup finds them.
func TestOneWhoMayNotRemoveFilesOfTheDeadLeavesAll(t *testing.T) {
	w := newStickyUserDomain(t)
	c, id := w.startSquatted()
	if errs := c.work(); len(errs) > 0 {
		t.Fatal(errs)
	}
	before := w.remaining()
	c.kill()
	w.squat(id+".pub.0", 0o644)
	r := w.try(member(), "clean")
	wantParts(t, r.Error, "files of the dead cannot be removed", "mode 3770")
	if !slices.Equal(r.Found, []string{id + ".pub.0"}) {
		t.Errorf("removed %q", r.Found)
	}
	wantLeft(t, w, before...)
	if r := w.try(insider(), "clean"); r.Error != "" || len(r.Found) != len(before) { // who has the directory
		t.Errorf("%+v, want %q", r, before)
	}
}

// Names that are taken before their owner comes to them.
func TestPlantedNamesArePassedOver(t *testing.T) {
	for what, mode := range map[string]fs.FileMode{"files": 0o644, "directories": fs.ModeDir | 0o700, "pipes": fs.ModeNamedPipe} {
		t.Run(what, func(t *testing.T) {
			w := newStickyUserDomain(t)
			c, id := w.startSquatted()
			paths := []string{w.squat(id+".pub.1", mode), w.squat(id+".schema.2", mode), w.squat(id+".pub.3", mode)}
			if errs := c.work(); len(errs) > 0 {
				t.Error(errs)
			}
			for _, path := range paths {
				os.Remove(path)
			}
			c.finish()
		})
	}
}

func TestAPlantedReaderFileIsExplained(t *testing.T) {
	w := newStickyUserDomain(t)
	c, id := w.startSquatted()
	path := w.squat(id+".reader", fs.ModeDir|0o700)
	errs := c.work()
	if len(errs) != 2 { // of two publishers and two subscriptions
		t.Fatalf("%q", errs)
	}
	wantParts(t, errs[0], path, "directory of user 5002", "join again", "remove "+path+", as user 5002", "owner of the directory", "root")
	os.Remove(path)
	if errs := c.work(); len(errs) > 0 {
		t.Errorf("it is gone, and %q", errs)
	}
	c.finish()
}

func TestPlantedNamesOfTheDomainAreExplained(t *testing.T) {
	for _, mode := range []fs.FileMode{fs.ModeDir | 0o700, fs.ModeNamedPipe} {
		for name, parts := range map[string][]string{
			registry.RegistryFile: {"is taken by", "remove", "as the owner of the directory"},
			registry.PolicyName:   {"have the owner of the domain, or root"},
		} {
			w := newStickyUserDomain(t)
			path := w.squat(name, mode)
			r := w.try(owner(), "publish")
			wantParts(t, r.Error, append(parts, path, "of user 5002")...)
			os.Remove(path)
		}
	}
}
