//go:build linux

package adversary

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
	"time"

	"github.com/shmbus/shmbus/doctor"
	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// A squatRequest starts the process whose file names the member squats. It joins and replies with its id. When the parent asks it to end,
// it closes and replies with the log of closing.
type squatRequest struct{}

// A squatted process finds the names of its files taken.
type squatted struct{ p *topic.Participant }

func runSquatted(ctx context.Context, parent *subproc.Parent, _ squatRequest) error {
	var log bytes.Buffer
	p, err := topic.Join(&topic.Options{Unit: "tenant", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(p.Dir(), "*.participant"))
	if err != nil || len(files) != 1 {
		return errors.Join(err, errors.New("the tenant is not alone"))
	}
	if err := parent.Reply(strings.TrimSuffix(filepath.Base(files[0]), ".participant")); err != nil {
		return err
	}
	if err := harness.Serve(ctx, parent, &squatted{p}, []harness.Handler[*squatted]{harness.On(makeEndpoints{})}); err != nil {
		return err
	}
	if err := p.Close(); err != nil {
		return err
	}
	return parent.Reply(log.String())
}

// makeEndpoints makes two publishers with a schema and two subscribers, and returns the errors.
type makeEndpoints struct{}

func (makeEndpoints) Run(_ context.Context, s *squatted) (errs []string, _ error) {
	type pose struct{ X float64 }
	for range 2 {
		if _, err := topic.NewPublisher[pose](context.Background(), s.p, "pose", nil); err != nil {
			errs = append(errs, err.Error())
		}
		if _, err := topic.NewSubscriber[pose](context.Background(), s.p, "pose", nil); err != nil {
			errs = append(errs, err.Error())
		}
	}
	return errs, nil
}

// newStickyUserDomain makes a sticky domain that belongs to neither of the users who meet in it: the insider has it, the owner runs the
// squatted process, and the member creates files with its names.
func newStickyUserDomain(t *testing.T) *harness.UserDomain {
	t.Helper()
	w := harness.NewUserDomain(t, harness.Sticky)
	if err := errors.Join(os.Chown(w.Path(), int(harness.Insider().UID), harness.SharedGroup), os.Chmod(w.Path(), harness.Sticky)); err != nil {
		t.Fatal(err)
	}
	return w
}

// startSquatted starts the squatted process and returns its id.
func startSquatted(w *harness.UserDomain) (c *harness.Child, id string) {
	w.T.Helper()
	c = w.Start(harness.Owner(), squatRequest{})
	c.Expect(&id)
	return c, id
}

// squat creates a file as the member, with a name in the domain.
func squat(w *harness.UserDomain, name string, mode fs.FileMode) string {
	w.T.Helper()
	path := filepath.Join(w.Path(), name)
	var err error
	switch {
	case mode.IsDir():
		err = os.Mkdir(path, mode.Perm())
	case mode&fs.ModeNamedPipe != 0:
		err = syscall.Mkfifo(path, 0o600)
	default:
		err = os.WriteFile(path, []byte("squatted"), mode)
	}
	if err = errors.Join(err, os.Chown(path, int(harness.Member().UID), harness.SharedGroup)); err != nil {
		w.T.Fatal(err)
	}
	return path
}

// remaining are the names in the domain, without that of the registry file.
func remaining(w *harness.UserDomain) (names []string) {
	w.T.Helper()
	list, err := os.ReadDir(w.Path())
	if err != nil {
		w.T.Fatal(err)
	}
	for _, e := range list {
		if e.Name() != registry.RegistryFile {
			names = append(names, e.Name())
		}
	}
	return names
}

func wantLeft(t *testing.T, w *harness.UserDomain, want ...string) {
	t.Helper()
	if got := remaining(w); !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
}

// A foreign file with the name of a dead participant's file does not stop the cleanup, even if it comes first and may not be removed.
func TestSquattedName_DoesNotStopCleanup(t *testing.T) {
	for name, clean := range map[string]func(w *harness.UserDomain){
		"a participant that joins": func(w *harness.UserDomain) { w.Publish(harness.Owner(), harness.Publish{}).Finish() },
		"clean": func(w *harness.UserDomain) {
			r := agent.As(w, harness.Owner(), agent.Clean{})
			harness.WantParts(t, r.Error, ".pub.0", "user 5002", "run as the owner of the file or of the directory")
			if len(r.Found) < 3 {
				t.Errorf("removed %q", r.Found)
			}
		},
		"a participant that sees the death": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := newStickyUserDomain(t)
			c, id := startSquatted(w)
			if errs := harness.Do(c, makeEndpoints{}); len(errs) > 0 {
				t.Fatal(errs)
			}
			squat(w, id+".pub.0", 0o644)
			squat(w, id+".schema.0", 0o644)
			var running harness.Publisher
			if clean == nil {
				running = w.Publish(harness.Owner(), harness.Publish{Topic: "other", Pause: time.Millisecond})
			}
			c.Kill()
			if clean != nil {
				clean(w)
			} else {
				w.Publish(harness.Owner(), harness.Publish{}).Finish() // its joining cleans, unless the first has done so
				running.Finish()
			}
			squatNames := []string{id + ".pub.0", id + ".schema.0"}
			wantLeft(t, w, squatNames...)

			// The remaining files do not count as a participant, and a cleanup with permission removes them.
			r := harness.Examine(t, w.Dir, harness.ShortSample)
			found := map[doctor.Fault]doctor.Finding{}
			for _, f := range r.Findings {
				found[f.Fault] = f
			}
			if f := found[doctor.Dead]; f.FileCount != 2 || !strings.Contains(f.Remedy, "user 5002") {
				t.Errorf("%+v", f)
			}
			if seen := agent.As(w, harness.Owner(), agent.ListTopics{}); seen.Error != "" {
				t.Error(seen.Error)
			}
			if r := agent.As(w, harness.Member(), agent.Clean{}); r.Error != "" || len(r.Found) != 2 {
				t.Errorf("%+v", r)
			}
			wantLeft(t, w)
		})
	}
}

func TestSquattedName_OwnerLeaves(t *testing.T) {
	w := newStickyUserDomain(t)
	c, id := startSquatted(w)
	if errs := harness.Do(c, makeEndpoints{}); len(errs) > 0 {
		t.Fatal(errs)
	}
	squat(w, id+".pub.0", 0o644)
	c.Stop()
	var log string
	c.Expect(&log) // Close returned no error
	harness.WantParts(t, log, "level=WARN", id+".pub.0", "user 5002")
	c.Finish()
	wantLeft(t, w, id+".pub.0")
	if names, err := registry.Clean(w.Path(), false); err != nil || len(names) != 1 { // by root
		t.Errorf("removed %q, %v", names, err)
	}
}

// Files of the same user as a dead participant keep its participant file, so that a later cleanup finds them.
func TestFilesOfTheDead_MayNotRemove(t *testing.T) {
	w := newStickyUserDomain(t)
	c, id := startSquatted(w)
	if errs := harness.Do(c, makeEndpoints{}); len(errs) > 0 {
		t.Fatal(errs)
	}
	before := remaining(w)
	c.Kill()
	squat(w, id+".pub.0", 0o644)
	r := agent.As(w, harness.Member(), agent.Clean{})
	harness.WantParts(t, r.Error, "files of the dead cannot be removed", "mode 3770")
	if !slices.Equal(r.Found, []string{id + ".pub.0"}) {
		t.Errorf("removed %q", r.Found)
	}
	wantLeft(t, w, before...)
	if r := agent.As(w, harness.Insider(), agent.Clean{}); r.Error != "" || len(r.Found) != len(before) { // has the directory
		t.Errorf("%+v, want %q", r, before)
	}
}

// The names are taken before their owner uses them.
func TestSquattedNames_Skipped(t *testing.T) {
	for what, mode := range map[string]fs.FileMode{"files": 0o644, "directories": fs.ModeDir | 0o700, "pipes": fs.ModeNamedPipe} {
		t.Run(what, func(t *testing.T) {
			w := newStickyUserDomain(t)
			c, id := startSquatted(w)
			paths := []string{squat(w, id+".pub.1", mode), squat(w, id+".schema.2", mode), squat(w, id+".pub.3", mode)}
			if errs := harness.Do(c, makeEndpoints{}); len(errs) > 0 {
				t.Error(errs)
			}
			for _, path := range paths {
				os.Remove(path)
			}
			c.Finish()
		})
	}
}

func TestSquattedReaderFile_Explained(t *testing.T) {
	w := newStickyUserDomain(t)
	c, id := startSquatted(w)
	path := squat(w, id+".reader", fs.ModeDir|0o700)
	errs := harness.Do(c, makeEndpoints{})
	if len(errs) != 2 { // of two publishers and two subscriptions
		t.Fatalf("%q", errs)
	}
	harness.WantParts(t, errs[0], path, "directory of user 5002", "join again", "remove "+path+", as user 5002", "owner of the directory", "root")
	os.Remove(path)
	if errs := harness.Do(c, makeEndpoints{}); len(errs) > 0 {
		t.Errorf("it is gone, and %q", errs)
	}
	c.Finish()
}

func TestSquattedNames_OfTheDomainExplained(t *testing.T) {
	for _, mode := range []fs.FileMode{fs.ModeDir | 0o700, fs.ModeNamedPipe} {
		for name, parts := range map[string][]string{
			registry.RegistryFile: {"is taken by", "remove", "as the owner of the directory"},
			registry.PolicyName:   {"have the owner of the domain, or root"},
		} {
			w := newStickyUserDomain(t)
			path := squat(w, name, mode)
			r := agent.As(w, harness.Owner(), agent.PublishTen{Topic: "load"})
			harness.WantParts(t, r.Error, append(parts, path, "of user 5002")...)
			os.Remove(path)
		}
	}
}
