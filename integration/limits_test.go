//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestWhatFailsForWantOfDescriptorsIsMadeUpFor(t *testing.T) {
	const topics = 12
	dir := newDomain(t)
	sub, pub := startAgent(t, dir), startAgent(t, dir)
	sub.do("sub all **")
	pub.do("pub before t")
	pub.do("peers before 1")
	sub.do("files 3")
	pub.do("pubs many %d", topics)
	pub.do("sendall many %d", topics)
	if a := sub.request("sub more other/**"); a.Err != "" && a.Err != "files" {
		t.Errorf("without descriptors: %s", a.Err)
	}
	was := sub.do("figures") // no descriptor to count descriptors with
	if was.FDs > 0 {
		t.Logf("%+v", was)
	}
	sub.do("files 200")
	sub.do("peers all %d", topics+1)
	pub.do("peers many/%d 1", topics-1)
	pub.do("sendall many %d", topics)
	if got := sub.do("take all %d", 2*topics); got.Topics != topics || got.Lost != 0 {
		t.Errorf("received %+v", got)
	}
	sub.finish()
	pub.finish()
}

func TestAPublisherWithoutDescriptorsIsAnErrorAndLeavesNothing(t *testing.T) {
	dir := newDomain(t)
	pub, sub := startAgent(t, dir), startAgent(t, dir)
	sub.do("sub s t")
	pub.do("pub p t")
	pub.do("files 1")
	was := entries(t, dir)
	for range 20 {
		if a := pub.request("pubs many 5"); a.Err != "files" {
			t.Fatalf("five publishers with one descriptor: %q", a.Err)
		}
		for _, name := range []string{"many/0", "many/1"} {
			pub.request("closeany %s", name)
		}
	}
	if n := entries(t, dir); n != was {
		t.Errorf("%d files, before it were %d", n, was)
	}
	pub.do("send p 1 8")
	sub.do("take s 1")
	pub.do("files 100")
	pub.do("pub q t")
	pub.do("send q 1 8")
	sub.do("take s 1")
	pub.finish()
	sub.finish()
}

func TestAFullFileSystemIsAnErrorUntilThereIsRoom(t *testing.T) {
	dir := newSmallDomain(t, "1m")
	sub, pub := startAgent(t, dir), startAgent(t, dir)
	sub.do("sub s t")
	pub.do("pub p t")
	pub.do("send p 1 64")
	sub.do("take s 1")
	filler := filepath.Join(dir, "filler")
	fillUp(t, filler)
	was := entries(t, dir)
	for range 5 {
		for _, command := range []string{"pub q t", "pub q t 4096", "send p 1 200000", "sub q u"} {
			// A publish may find room in what the publisher has; nothing else can.
			if a := pub.request(command); a.Err != "space" {
				t.Errorf("%s: %q", command, a.Err)
			}
		}
	}
	if n := entries(t, dir); n != was {
		t.Errorf("%d files, before it were %d", n, was)
	}
	stranger := start(t, dir, "agent")
	if a := stranger.request("join"); a.Err != "space" {
		t.Errorf("join: %q", a.Err)
	}
	stranger.finish()
	pub.do("send p 1 64")
	sub.do("take s 1")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	pub.do("send p 1 200000")
	pub.do("pub q t")
	pub.do("peers q 1")
	pub.do("send q 1 8")
	sub.do("take s 2")
	pub.finish()
	sub.finish()
}

// newSmallDomain makes a domain on a file system of its own.
func newSmallDomain(t *testing.T, size string) string {
	t.Helper()
	dir := newDomain(t)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("this test takes a small file system of its own, and mounting one failed: %v; run it as root", err)
	}
	t.Cleanup(func() {
		checkEmpty(t, dir)
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
		os.Mkdir(filepath.Join(dir, "d"), 0o700)
	})
	return dir
}

// fillUp takes all room that a file system has.
func fillUp(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
}

func entries(t testing.TB, dir string) int {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(dir, "d"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// files lists the domain, without the registry file.
func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(filepath.Join(dir, "d"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.Name() != "registry" {
			names = append(names, f.Name())
		}
	}
	return names
}
