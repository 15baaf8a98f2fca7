//go:build linux

package integration

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// narrowProgram returns the command line of this test as a program of 32 bits: for 386 where the kernel runs such programs, else
// for ARM, under qemu.
func narrowProgram(t *testing.T) []string {
	t.Helper()
	narrow := filepath.Join(t.TempDir(), "narrow")
	build(t, narrow, ".", "GOARCH=386")
	out, err := exec.Command(narrow, "-test.run", "^$").CombinedOutput()
	if err == nil {
		return []string{narrow}
	}
	if !errors.Is(err, syscall.ENOEXEC) {
		t.Fatalf("run a 386 program: %v, %s", err, out)
	}
	qemu, err := exec.LookPath("qemu-arm")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("this kernel runs no 386 programs, and there is no qemu-arm: apt-get install qemu-user")
	}
	t.Log("this kernel runs no 386 programs: the program of 32 bits is one for ARM, under qemu")
	build(t, narrow, ".", "GOARCH=arm", "GOARM=7")
	return []string{qemu, narrow}
}

// Processes of 32 and of 64 bits share a domain: the layout knows no word of the machine.
func TestProgramsOf32And64BitsShareADomain(t *testing.T) {
	narrow := narrowProgram(t)
	in32 := func(t *testing.T, dir, role string, args ...string) *child {
		return launch(t, exec.Command(narrow[0], slices.Concat(narrow[1:], args)...), dir, role)
	}
	in64 := func(t *testing.T, dir, role string, args ...string) *child { return start(t, dir, role, args...) }
	for name, of := range map[string][2]func(*testing.T, string, string, ...string) *child{
		"from 32 to 64": {in32, in64}, "from 64 to 32": {in64, in32},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := newDomain(t)
			pub, sub := of[0](t, dir, "attempt"), of[1](t, dir, "attempt")
			for _, c := range []*child{pub, sub} {
				c.mustSucceed("join")
				c.mustSucceed("heard joined 1")
			}
			sub.mustSucceed("sub s t lossless")
			sub.mustSucceed("sub all **")
			pub.mustSucceed("pub p t")
			pub.mustSucceed("latch l kept")
			pub.mustSucceed("send l 1 70")
			pub.mustSucceed("peers p 2")
			total := 0
			for _, n := range []int{0, 1, 104, 105, 5000, 300000, 9 << 20, 50} {
				pub.mustSucceed("send p 5 %d", n)
				if got := sub.mustSucceed("drain s 5"); got.Size != n || got.Lost != 0 {
					t.Errorf("of 5 samples of %d bytes it received %+v", n, got)
				}
				pub.mustSucceed("batch p 8 %d", n)
				if got := sub.mustSucceed("drain s 8"); got.Size != n || got.Lost != 0 {
					t.Errorf("of a batch of 8 samples of %d bytes it received %+v", n, got)
				}
				if got := sub.mustSucceed("latest s"); got.Size != n {
					t.Errorf("the newest sample has %d bytes, want %d", got.Size, n)
				}
				total += 13
			}
			pub.mustSucceed("lend p 4000")
			pub.mustSucceed("commit p")
			pub.mustSucceed("parts p 4000")
			if got := sub.mustSucceed("take s 2"); got.Lost != 0 {
				t.Errorf("%+v", got)
			}
			if got := sub.mustSucceed("take all %d", total+3); got.Received+got.Lost != uint64(total+3) {
				t.Errorf("of %d it received %d and lost %d", total+3, got.Received, got.Lost)
			}
			sub.mustSucceed("past k kept 1")
			if got := sub.mustSucceed("take k 1"); got.Received != 1 {
				t.Errorf("of the latched topic it received %+v", got)
			}
			before, there, after := sub.mustSucceed("now").Stamp, pub.mustSucceed("now").Stamp, sub.mustSucceed("now").Stamp
			if there < before-1e6 || there > after+1e6 {
				t.Errorf("between %d and %d of one it was %d of the other", before, after, there)
			}
			// Every sample's bytes are checked, while payloads grow and the subscriber holds some.
			reader := of[1](t, dir, "subscribe", "-topic", "load", "-progress", "2000", "-hold", "3").ready()
			writer := of[0](t, dir, "publish", "-grow", "-subscribers", "2").ready()
			victim := of[0](t, dir, "publish", "-grow", "-subscribers", "2").ready()
			progress(reader)
			victim.kill()
			for _, c := range []*child{pub, sub} {
				c.mustSucceed("heard died 1")
			}
			progress(reader)
			reader.kill()
			sub.mustSucceed("heard died 2")
			pub.mustSucceed("heard died 2")
			writer.finish()
			sub.mustSucceed("close all")
			pub.mustSucceed("send p 3 500")
			sub.mustSucceed("take s 3")
			sub.kill()
			pub.mustSucceed("heard died 3")
			pub.mustSucceed("send p 20 500") // waits for nobody
			// Whoever comes next finds nothing of the dead.
			next := of[1](t, dir, "attempt")
			next.mustSucceed("join")
			if n := entries(t, dir); n != 1+4+1 {
				t.Errorf("%d files, want the registry, a participant with two publishers and a wake file, and one more", n)
			}
			next.finish()
			pub.finish()
		})
	}
}
