package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/topic"
)

// The memory of a process is that of all its files, also where no publisher has a slot yet.
func TestPs_SharedMemory(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	pub, err := topic.NewPublisher[[]byte](t.Context(), p, "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	shared := func() (files, said, slots int64) {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(dir, "d", "*.*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			files += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		out := shmmon(t, dir, "ps", "--json")
		var report struct {
			Participants []struct{ Shared, Memory int64 }
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Participants) != 1 {
			t.Fatal(out, err)
		}
		return files, report.Participants[0].Shared, report.Participants[0].Memory
	}
	empty, said, slots := shared()
	if said != empty || empty == 0 || slots != 0 {
		t.Errorf("%d bytes of files, %d of slots, are said to be %d", empty, slots, said)
	}
	if _, err := pub.Publish(t.Context(), make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if files, said, slots := shared(); said != files || said < empty+1<<20 || slots < 1<<20 {
		t.Errorf("%d bytes of files, %d of slots, are said to be %d", files, slots, said)
	}
}
