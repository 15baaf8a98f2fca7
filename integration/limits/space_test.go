//go:build linux

package limits

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/record"
)

func TestSpace_EveryCallFailsAndLeavesNothing(t *testing.T) {
	shmmon := harness.BuildTool(t, "shmmon")
	for size, large := range map[string]int{"1m": 200 << 10, "8m": 1 << 20, "64m": 10 << 20} {
		t.Run(size, func(t *testing.T) {
			dir := harness.NewSmallDomain(t, size)
			sub, pub, joiner := agent.Start(t, dir), agent.Start(t, dir), agent.New(t, dir)
			sub.Subscribe("s", "t")
			sub.Subscribe("f", "full")
			pub.Advertise("p", "t")
			pub.AdvertiseLatched("l", "kept")
			pub.Send("p", 40, 1000)
			sub.Take("s", 40)
			pub.Send("l", 1, 50)
			pub.Loan("p", 1000)
			pub.MeasureResources()
			filler := filepath.Join(dir, "filler")
			harness.FillUp(t, filler)
			was := sub.ResourceSummary() + ", " + pub.ResourceSummary()

			for range 3 {
				agent.MustLack(joiner, harness.Space, 0, agent.Join{})
				agent.MustLack(pub, harness.Space, 0, agent.Advertise{Name: "q", Topic: "t"})
				agent.MustLack(pub, harness.Space, large, agent.Advertise{Name: "q", Topic: "t", InitialSize: large})
				agent.MustLack(pub, harness.Space, 0, agent.Advertise{Name: "q", Topic: "t", Depth: 4096})
				agent.MustLack(pub, harness.Space, 0, agent.Advertise{Name: "q", Topic: "t", Latched: true})
				agent.MustLack(pub, harness.Space, large, agent.Send{Publisher: "p", N: 1, Size: large})
				agent.MustLack(pub, harness.Space, large, agent.SendParts{Publisher: "p", Size: large})
				agent.MustLack(pub, harness.Space, 0, agent.SendBatch{Publisher: "p", N: 3, Size: 20000})
				agent.MustLack(pub, harness.Space, large, agent.SendBatch{Publisher: "p", N: 2, Size: large})
				agent.MustLack(pub, harness.Space, large, agent.Loan{Publisher: "p", Size: large})
				agent.MustLack(pub, harness.Space, large, agent.Send{Publisher: "l", N: 1, Size: large})
				agent.MustLack(sub, harness.Space, 0, agent.Subscribe{Name: "q", Pattern: "u"})
				agent.MustLack(sub, harness.Space, 0, agent.Subscribe{Name: "q", Pattern: "t", History: 16})
				agent.MustLack(pub, harness.Space, 0, agent.Subscribe{Name: "q", Pattern: "u"}) // its first
				agent.MustLack(sub, harness.Space, 0, agent.Record{Path: filepath.Join(t.TempDir(), "a.mcap")})
			}
			out, err := harness.Command(shmmon, dir, "pub", "u", `"text"`).CombinedOutput()
			if err == nil || !strings.Contains(string(out), "no space at") {
				t.Errorf("shmmon pub: %v, %s", err, out)
			}
			if is := sub.ResourceSummary() + ", " + pub.ResourceSummary(); is != was {
				t.Errorf("before: %s\nafter:  %s", was, is)
			}

			// What needs no more room goes on.
			pub.Commit("p")
			pub.Send("p", 20, 1000)
			pub.SendBatch("p", 4, 60)
			sub.Drain("s", 25)
			sub.TakeLatest("s")
			pub.Send("l", 1, 50)
			if out, err := harness.Command(shmmon, dir, "ps").CombinedOutput(); err != nil {
				t.Errorf("shmmon ps: %v, %s", err, out)
			}

			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			joiner.Join()
			joiner.SubscribeHistory("q", "kept", 1)
			if a := joiner.Take("q", 1); a.Received != 1 || a.Lost != 0 {
				t.Errorf("of the latched topic it took %+v", a)
			}
			sub.Subscribe("q", "u")
			pub.Advertise("q", "t")
			pub.WaitPeers("q", 1)
			pub.Send("p", 1, large)
			pub.SendParts("p", large)
			pub.Loan("p", large)
			pub.Commit("p")
			if a := sub.Take("s", 3); a.Lost != 0 {
				t.Errorf("when there was room it took %+v", a)
			}
			agent.Finish(sub, pub, joiner)
		})
	}
}

func TestSpace_FullUntilFreed(t *testing.T) {
	dir := harness.NewSmallDomain(t, "1m")
	sub, pub := agent.Start(t, dir), agent.Start(t, dir)
	sub.Subscribe("s", "t")
	pub.Advertise("p", "t")
	pub.Send("p", 1, 64)
	sub.Take("s", 1)
	filler := filepath.Join(dir, "filler")
	harness.FillUp(t, filler)
	was := harness.CountFiles(t, dir)
	for range 5 {
		// A publish may find room in what the publisher has; nothing else can.
		wantNoSpace(t, pub, agent.Advertise{Name: "q", Topic: "t"})
		wantNoSpace(t, pub, agent.Advertise{Name: "q", Topic: "t", InitialSize: 4096})
		wantNoSpace(t, pub, agent.Send{Publisher: "p", N: 1, Size: 200000})
		wantNoSpace(t, pub, agent.Subscribe{Name: "q", Pattern: "u"})
	}
	if n := harness.CountFiles(t, dir); n != was {
		t.Errorf("%d files, before it were %d", n, was)
	}
	joiner := agent.New(t, dir)
	wantNoSpace(t, joiner, agent.Join{})
	joiner.Finish()
	pub.Send("p", 1, 64)
	sub.Take("s", 1)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	pub.Send("p", 1, 200000)
	pub.Advertise("q", "t")
	pub.WaitPeers("q", 1)
	pub.Send("q", 1, 8)
	sub.Take("s", 2)
	pub.Finish()
	sub.Finish()
}

// wantNoSpace makes a call that must find no space.
func wantNoSpace[R any](t *testing.T, a agent.Agent, call harness.Call[*agent.State, R]) {
	t.Helper()
	if _, f := harness.Try(a.Child, call); f == nil || f.Lacks != harness.Space {
		t.Errorf("%T%+v: %+v", call, call, f)
	}
}

func TestSpace_RecordingFillsItsDisk(t *testing.T) {
	dir, disk := harness.NewDomain(t), t.TempDir()
	harness.Mount(t, disk, "tmpfs", 0, "size=3m")
	rec, pub, other := agent.Start(t, dir), agent.Start(t, dir), agent.Start(t, dir)
	other.Subscribe("s", "t")
	path := filepath.Join(disk, "a.mcap")
	recorded := harness.Go(rec.Child, agent.Record{Path: path})
	pub.Advertise("p", "t")
	pub.WaitPeers("p", 2)
	full := make(chan *harness.Failure, 1)
	go func() {
		defer close(full)
		_, f := recorded.Try()
		full <- f
	}()
	sent := 0
	var f *harness.Failure
	for over := false; !over; sent += 10 {
		harness.Do(pub.Child, agent.Send{Publisher: "p", N: 10, Size: 20000, Random: true})
		select {
		case f = <-full:
			over = true
		default:
		}
	}
	if f == nil || !strings.Contains(f.Text, syscall.ENOSPC.Error()) {
		t.Fatalf("the recorder says %+v", f)
	}
	info, err := record.ReadInfo(path)
	if err != nil || info.Messages == 0 {
		t.Errorf("the recording: %+v, %v", info, err)
	}
	t.Logf("%d samples of 20 kB published, %d recorded on 3 MiB: %s", sent, info.Messages, f.Text)
	other.Take("s", sent)
	// The same process records again when there is room.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	rec.Subscribe("s", "t")
	pub.WaitPeers("p", 2)
	pub.Send("p", 1, 100)
	rec.Take("s", 1)
	agent.Finish(rec, pub, other)
}

// A file system has room for so many files, too.
func TestInodes_NamedByTheError(t *testing.T) {
	dir := harness.NewDomain(t)
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	harness.Mount(t, filepath.Join(dir, "d"), "tmpfs", 0, "size=8m,nr_inodes=7,mode=0700")
	one := agent.Start(t, dir) // root, registry, participant
	one.Advertise("a", "a")
	one.Subscribe("a", "a")
	one.Advertise("b", "b")
	other := agent.New(t, dir)
	wantInodes(t, one, agent.Advertise{Name: "c", Topic: "c"})
	wantInodes(t, other, agent.Join{})
	one.Close("b")
	one.Advertise("c", "c")
	one.Send("a", 3, 50)
	one.Take("a", 3)
	one.Leave()
	other.Join()
	one.Finish()
	other.Finish()
}

// wantInodes makes a call that must find no inode.
func wantInodes[R any](t *testing.T, a agent.Agent, call harness.Call[*agent.State, R]) {
	t.Helper()
	if _, f := harness.Try(a.Child, call); f == nil || f.Lacks != harness.Space || !strings.Contains(f.Text, "nr_inodes") {
		t.Errorf("%T%+v: %+v", call, call, f)
	}
}
