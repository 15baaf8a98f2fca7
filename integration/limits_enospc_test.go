//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/record"
)

func TestWhereThereIsNoRoomEveryCallSaysSoAndLeavesNothing(t *testing.T) {
	shmmon := tool(t, "shmmon")
	for size, large := range map[string]int{"1m": 200 << 10, "8m": 1 << 20, "64m": 10 << 20} {
		t.Run(size, func(t *testing.T) {
			dir := newSmallDomain(t, size)
			sub, pub, stranger := startAttemptAgent(t, dir), startAttemptAgent(t, dir), start(t, dir, "attempt")
			sub.mustSucceed("sub s t")
			sub.mustSucceed("sub f full")
			pub.mustSucceed("pub p t")
			pub.mustSucceed("latch l kept")
			pub.mustSucceed("send p 40 1000")
			sub.mustSucceed("take s 40")
			pub.mustSucceed("send l 1 50")
			pub.mustSucceed("lend p 1000")
			pub.mustSucceed("figures")
			filler := filepath.Join(dir, "filler")
			fillUp(t, filler)
			was := sub.resourceSummary(dir) + ", " + pub.resourceSummary(dir)

			for range 3 {
				stranger.mustLack("space", "join")
				pub.mustLack("space", "pub q t")
				pub.mustLack("space", "pub q t %d", large)
				pub.mustLack("space", "deep q t 4096")
				pub.mustLack("space", "latch q t")
				pub.mustLack("space", "send p 1 %d", large)
				pub.mustLack("space", "parts p %d", large)
				pub.mustLack("space", "batch p 3 20000")
				pub.mustLack("space", "batch p 2 %d", large)
				pub.mustLack("space", "lend p %d", large)
				pub.mustLack("space", "send l 1 %d", large)
				sub.mustLack("space", "sub q u")
				sub.mustLack("space", "past q t 16")
				pub.mustLack("space", "sub q u") // its first
				sub.mustLack("space", "record %s", filepath.Join(t.TempDir(), "a.mcap"))
			}
			out, err := command(shmmon, dir, "pub", "u", `"text"`).CombinedOutput()
			if err == nil || !strings.Contains(string(out), "no space at") {
				t.Errorf("shmmon pub: %v, %s", err, out)
			}
			if is := sub.resourceSummary(dir) + ", " + pub.resourceSummary(dir); is != was {
				t.Errorf("before: %s\nafter:  %s", was, is)
			}

			// What needs no more room goes on.
			pub.mustSucceed("commit p")
			pub.mustSucceed("send p 20 1000")
			pub.mustSucceed("batch p 4 60")
			sub.mustSucceed("drain s 25")
			sub.mustSucceed("latest s")
			pub.mustSucceed("send l 1 50")
			if out, err := command(shmmon, dir, "ps").CombinedOutput(); err != nil {
				t.Errorf("shmmon ps: %v, %s", err, out)
			}

			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			stranger.mustSucceed("join")
			stranger.mustSucceed("past q kept 1")
			if a := stranger.mustSucceed("take q 1"); a.Received != 1 || a.Lost != 0 {
				t.Errorf("of the latched topic it took %+v", a)
			}
			sub.mustSucceed("sub q u")
			pub.mustSucceed("pub q t")
			pub.mustSucceed("peers q 1")
			pub.mustSucceed("send p 1 %d", large)
			pub.mustSucceed("parts p %d", large)
			pub.mustSucceed("lend p %d", large)
			pub.mustSucceed("commit p")
			if a := sub.mustSucceed("take s 3"); a.Lost != 0 {
				t.Errorf("when there was room it took %+v", a)
			}
			for _, c := range []*child{sub, pub, stranger} {
				c.finish()
			}
		})
	}
}

func TestARecordingThatFillsItsDiskEndsAndCanBeRead(t *testing.T) {
	dir, disk := newDomain(t), t.TempDir()
	mountOn(t, disk, "tmpfs", 0, "size=1m")
	rec, pub, other := startAttemptAgent(t, dir), startAttemptAgent(t, dir), startAttemptAgent(t, dir)
	other.mustSucceed("sub s t")
	path := filepath.Join(disk, "a.mcap")
	rec.send("record %s", path)
	pub.mustSucceed("pub p t")
	pub.mustSucceed("peers p 2")
	var full attemptResult
	done := make(chan struct{})
	go func() {
		defer close(done)
		rec.expect(&full)
	}()
	sent := 0
	for over := false; !over; sent += 10 {
		pub.mustSucceed("noise p 10 20000")
		select {
		case <-done:
			over = true
		default:
		}
	}
	if !strings.Contains(full.Text, syscall.ENOSPC.Error()) {
		t.Errorf("the recorder says %q", full.Text)
	}
	info, err := record.ReadInfo(path)
	if err != nil || info.Messages == 0 {
		t.Errorf("the recording: %+v, %v", info, err)
	}
	t.Logf("%d samples of 20 kB published, %d recorded on 1 MiB: %s", sent, info.Messages, full.Text)
	other.mustSucceed("take s %d", sent)
	// The same process records again when there is room.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	rec.mustSucceed("sub s t")
	pub.mustSucceed("peers p 2")
	pub.mustSucceed("send p 1 100")
	rec.mustSucceed("take s 1")
	for _, c := range []*child{rec, pub, other} {
		c.finish()
	}
}

// A file system has room for so many files, too.
func TestAFileSystemWithoutInodesSaysThatItIsFiles(t *testing.T) {
	dir := newDomain(t)
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	mountOn(t, filepath.Join(dir, "d"), "tmpfs", 0, "size=8m,nr_inodes=7,mode=0700")
	one := startAttemptAgent(t, dir) // root, registry, participant
	one.mustSucceed("pub a a")
	one.mustSucceed("sub a a")
	one.mustSucceed("pub b b")
	other := start(t, dir, "attempt")
	for _, c := range []struct {
		*child
		command string
	}{{one, "pub c c"}, {other, "join"}} {
		a := c.attempt(c.command)
		if a.Want != "space" || !strings.Contains(a.Text, "nr_inodes") {
			t.Errorf("%s: %+v", c.command, a)
		}
	}
	one.mustSucceed("close b")
	one.mustSucceed("pub c c")
	one.mustSucceed("send a 3 50")
	one.mustSucceed("take a 3")
	one.mustSucceed("leave")
	other.mustSucceed("join")
	one.finish()
	other.finish()
}
