package recorders

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/control"
	"github.com/shmbus/shmbus/topic"
)

func member(t *testing.T, dir string) *topic.Participant {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func domains(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func serve(t *testing.T, p *topic.Participant, s control.Service) {
	t.Helper()
	server, err := control.Serve(p.Dir(), p.ID(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
}

// saying is a recorder with a status that the test chooses.
func saying(path string, s record.Status) control.Service {
	return control.Service{Kind: "recorder", Path: path, Commands: []control.Command{{
		CommandDescription: control.CommandDescription{Name: "status"}, Run: func(context.Context, []string) (any, error) { return s, nil },
	}}}
}

func TestAsk_ARealRecorder(t *testing.T) {
	p := member(t, domains(t))
	d := Domain{Dir: p.Dir()}
	if all := d.Ask(t.Context()); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	path := filepath.Join(t.TempDir(), "robot.mcap")
	rec, err := record.Start(t.Context(), p, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for rec.Status().FileSize == 0 { // the head of the file is written concurrently
		time.Sleep(time.Millisecond)
	}
	serve(t, p, control.Service{Kind: "recorder", Path: path, Commands: rec.Commands()})
	serve(t, p, control.Service{Kind: "player", Path: "other.mcap"})
	all := d.Ask(t.Context())
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	if r := all[0]; r.File != path || r.PID != os.Getpid() || r.State != record.Recording || r.Verdict != record.KeepingUp || r.Size == 0 || r.Free == 0 || r.Silent || r.Trouble() != 0 {
		t.Errorf("%+v", r)
	}
	rec.Stop()
	if _, err := rec.Wait(); err != nil {
		t.Error(err)
	}
}

func TestAsk_TroubleFirst(t *testing.T) {
	p := member(t, domains(t))
	for file, v := range map[string]record.Verdict{"/a": record.KeepingUp, "/b": record.Losing, "/c": record.FallingBehind} {
		serve(t, p, saying(file, record.Status{Verdict: v, Lost: 3}))
	}
	d := Domain{Dir: p.Dir()}
	var files []string
	for _, r := range d.Ask(t.Context()) {
		files = append(files, r.File)
	}
	if want := []string{"/b", "/c", "/a"}; !slices.Equal(files, want) {
		t.Errorf("%v, not %v", files, want)
	}
}

// A server that takes connections and says nothing is shown as silent, and is not asked again at once. One that lies is, too.
func TestAsk_SilentAndHostile(t *testing.T) {
	p := member(t, domains(t))
	serve(t, p, saying("/works", record.Status{Verdict: record.KeepingUp}))
	serve(t, p, control.Service{Kind: "recorder", Path: "/lies", Commands: []control.Command{{
		CommandDescription: control.CommandDescription{Name: "status"}, Run: func(context.Context, []string) (any, error) { return []int{1}, nil },
	}}})
	hung, err := net.Listen("unix", filepath.Join(p.Dir(), p.ID().String()+".control.9"))
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	var d Domain
	var all []Recorder
	// The one that works is not silent as soon as the time suffices for it.
	for begin, enough := time.Now(), 200*time.Millisecond; len(all) != 3 || all[2].Silent; enough *= 2 {
		if time.Since(begin) > time.Minute {
			t.Fatalf("%+v", all)
		}
		d = Domain{Dir: p.Dir()}
		ctx, cancel := context.WithTimeout(t.Context(), enough)
		all = d.Ask(ctx)
		cancel()
	}
	if !all[0].Silent || !all[1].Silent || all[2].File != "/works" {
		t.Fatalf("%+v", all)
	}
	hung.(*net.UnixListener).SetUnlinkOnClose(false)
	hung.Close() // a further connection would be refused, and the socket not be shown any more
	if again := d.Ask(t.Context()); !slices.Equal(again, all) {
		t.Errorf("%+v, not %+v", again, all)
	}
}
