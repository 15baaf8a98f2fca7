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
			sub, pub, stranger := tryAll(t, dir), tryAll(t, dir), start(t, dir, "attempt")
			sub.must("sub s t")
			sub.must("sub f full")
			pub.must("pub p t")
			pub.must("latch l kept")
			pub.must("send p 40 1000")
			sub.must("take s 40")
			pub.must("send l 1 50")
			pub.must("lend p 1000")
			pub.must("figures")
			filler := filepath.Join(dir, "filler")
			fillUp(t, filler)
			was := sub.belongings(dir) + ", " + pub.belongings(dir)

			for range 3 {
				stranger.lacks("space", "join")
				pub.lacks("space", "pub q t")
				pub.lacks("space", "pub q t %d", large)
				pub.lacks("space", "deep q t 4096")
				pub.lacks("space", "latch q t")
				pub.lacks("space", "send p 1 %d", large)
				pub.lacks("space", "parts p %d", large)
				pub.lacks("space", "batch p 3 20000")
				pub.lacks("space", "batch p 2 %d", large)
				pub.lacks("space", "lend p %d", large)
				pub.lacks("space", "send l 1 %d", large)
				sub.lacks("space", "sub q u")
				sub.lacks("space", "past q t 16")
				pub.lacks("space", "sub q u") // its first
				sub.lacks("space", "record %s", filepath.Join(t.TempDir(), "a.mcap"))
			}
			out, err := command(shmmon, dir, "pub", "u", `"text"`).CombinedOutput()
			if err == nil || !strings.Contains(string(out), "no space at") {
				t.Errorf("shmmon pub: %v, %s", err, out)
			}
			if is := sub.belongings(dir) + ", " + pub.belongings(dir); is != was {
				t.Errorf("before: %s\nafter:  %s", was, is)
			}

			// What needs no more room goes on.
			pub.must("commit p")
			pub.must("send p 20 1000")
			pub.must("batch p 4 60")
			sub.must("drain s 25")
			sub.must("latest s")
			pub.must("send l 1 50")
			if out, err := command(shmmon, dir, "ps").CombinedOutput(); err != nil {
				t.Errorf("shmmon ps: %v, %s", err, out)
			}

			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			stranger.must("join")
			stranger.must("past q kept 1")
			if a := stranger.must("take q 1"); a.Received != 1 || a.Lost != 0 {
				t.Errorf("of the latched topic it took %+v", a)
			}
			sub.must("sub q u")
			pub.must("pub q t")
			pub.must("peers q 1")
			pub.must("send p 1 %d", large)
			pub.must("parts p %d", large)
			pub.must("lend p %d", large)
			pub.must("commit p")
			if a := sub.must("take s 3"); a.Lost != 0 {
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
	rec, pub, other := tryAll(t, dir), tryAll(t, dir), tryAll(t, dir)
	other.must("sub s t")
	path := filepath.Join(disk, "a.mcap")
	rec.order("record %s", path)
	pub.must("pub p t")
	pub.must("peers p 2")
	var full attempt
	done := make(chan struct{})
	go func() {
		defer close(done)
		rec.expect(&full)
	}()
	sent := 0
	for over := false; !over; sent += 10 {
		pub.must("noise p 10 20000")
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
	other.must("take s %d", sent)
	// The same process records again when there is room.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	rec.must("sub s t")
	pub.must("peers p 2")
	pub.must("send p 1 100")
	rec.must("take s 1")
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
	one := tryAll(t, dir) // root, registry, participant
	one.must("pub a a")
	one.must("sub a a")
	one.must("pub b b")
	other := start(t, dir, "attempt")
	for _, c := range []struct {
		*child
		command string
	}{{one, "pub c c"}, {other, "join"}} {
		a := c.can(c.command)
		if a.Want != "space" || !strings.Contains(a.Text, "nr_inodes") {
			t.Errorf("%s: %+v", c.command, a)
		}
	}
	one.must("close b")
	one.must("pub c c")
	one.must("send a 3 50")
	one.must("take a 3")
	one.must("leave")
	other.must("join")
	one.finish()
	other.finish()
}
