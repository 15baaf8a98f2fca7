//go:build linux

package integration

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// page is the memory page that b begins in.
func page(b []byte) []byte {
	size := uintptr(os.Getpagesize())
	first := unsafe.Pointer(unsafe.SliceData(b))
	return unsafe.Slice((*byte)(unsafe.Add(first, -int(uintptr(first)%size))), size)
}

// A right is something that the mode of a domain allows or not.
func rights() []string { return []string{"publish", "subscribe", "watch", "list", "record", "clean"} }

// Who may do what, by the mode of the domain's directory. What is not here is refused.
func TestTheModeOfADomainSaysWhoMayDoWhat(t *testing.T) {
	everything, reading := rights(), []string{"watch", "list", "record"}
	for _, tc := range []struct {
		mode          fs.FileMode
		owner, member []string
	}{
		{0o700, everything, nil},
		{0o750, everything, reading},
		{0o770, everything, everything},
		{0o750 | fs.ModeSetgid, everything, reading},
		{0o770 | fs.ModeSetgid, everything, everything},
		{0o770 | fs.ModeSetgid | fs.ModeSticky, everything, slices.DeleteFunc(rights(), func(s string) bool { return s == "clean" })},
	} {
		t.Run(octal(tc.mode), func(t *testing.T) {
			for _, who := range []user{owner(), member(), outsider()} {
				allowed := map[string][]string{"owner": tc.owner, "member": tc.member}[who.name]
				w := newUserDomain(t, tc.mode)
				dead := w.leaveDead() // nobody is there who would clean
				checkRight(t, w, who, "clean", tc.mode, slices.Contains(allowed, "clean"), w.try(who, "clean"))
				os.Remove(dead)

				pub := w.run(owner(), "publish", "-pause", "1ms", "-size", "1000").ready()
				sub := w.run(owner(), "subscribe", "-topic", "up", "-progress", "10").ready()
				for _, right := range rights() {
					if right == "clean" {
						continue
					}
					args := []string{}
					if right == "publish" {
						args = append(args, "-topic", "up")
					}
					may := slices.Contains(allowed, right)
					r := w.try(who, right, args...)
					checkRight(t, w, who, right, tc.mode, may, r)
					switch {
					case right == "publish" && may:
						if got := progress(sub); got.Received != 10 || got.Lost != 0 {
							t.Errorf("%s publishes, and of 10 came %+v", who.name, got)
						}
					case right == "list" && may && !slices.Equal(slices.Sorted(slices.Values(r.Found)), []string{"load", "up"}):
						t.Errorf("%s lists %v", who.name, r.Found)
					}
				}
				for _, c := range []*child{pub, sub} {
					c.finish()
				}
			}
		})
	}
}

func octal(mode fs.FileMode) string {
	n := uint32(mode.Perm())
	if mode&fs.ModeSetgid != 0 {
		n |= 0o2000
	}
	if mode&fs.ModeSticky != 0 {
		n |= 0o1000
	}
	return fmt.Sprintf("%04o", n)
}

// checkRight wants what is allowed to work, and what is not to be refused by the kernel and to be explained.
func checkRight(t *testing.T, w *userDomain, who user, right string, mode fs.FileMode, may bool, r accessResult) {
	t.Helper()
	t.Logf("%s %s: %s", who.name, right, r.Error)
	if may {
		if r.Error != "" {
			t.Errorf("the %s may %s: %s", who.name, right, r.Error)
		}
		return
	}
	if !r.Kernel || !r.Access {
		t.Errorf("the %s may not %s, and the kernel (%t) says %+v", who.name, right, r.Kernel, r)
	}
	parts := []string{w.domain(), "mode " + octal(mode), "belongs to user 5001", fmt.Sprintf("this process is user %d", who.uid)}
	for _, part := range parts {
		if !strings.Contains(r.Error, part) {
			t.Errorf("the %s may not %s; the error does not say %q: %s", who.name, right, part, r.Error)
		}
	}
	if strings.Count(r.Error, ";") < 2 {
		t.Errorf("the error names no remedy: %s", r.Error)
	}
}

func TestNobodyWritesAPayloadThatItReads(t *testing.T) {
	w := newUserDomain(t, 0o770)
	pub := w.run(owner(), "publish", "-pause", "1ms", "-size", "1000").ready()
	r := w.try(member(), "tamper")
	if r.Error != "" || len(r.Found) == 0 {
		t.Errorf("%+v", r)
	}
	for _, rights := range r.Found {
		if rights != "r--s" {
			t.Errorf("a publisher's file is mapped %s", rights)
		}
	}
	pub.finish()
}

func TestTheUmaskDoesNotMatter(t *testing.T) {
	for _, mode := range []fs.FileMode{0, 0o700, 0o770} {
		for _, mask := range []string{"0", "0777"} {
			w := newUserDomain(t, 0o700)
			if mode == 0 { // the domain is to be made
				if err := os.Remove(w.domain()); err != nil {
					t.Fatal(err)
				}
				if err := os.Chown(w.dir, int(owner().uid), -1); err != nil {
					t.Fatal(err)
				}
			} else if err := os.Chmod(w.domain(), mode); err != nil {
				t.Fatal(err)
			}
			sub := w.run(owner(), "access", "-do", "subscribe", "-umask", mask)
			r := w.try(owner(), "publish", "-umask", mask)
			var got accessResult
			sub.expect(&got)
			sub.finish()
			if r.Error != "" || got.Error != "" {
				t.Fatalf("umask %s: %s, %s", mask, r.Error, got.Error)
			}
			info, err := os.Stat(w.domain())
			want, bell := "0600", "0600"
			if mode == 0o770 {
				want, bell = "0640", "0660"
			}
			if err != nil || info.Mode().Perm() != max(mode, 0o700) {
				t.Errorf("umask %s: the directory has mode %v, %v", mask, info.Mode(), err)
			}
			for _, suffix := range []string{"participant", "reader", "pub"} {
				if !slices.Contains(r.Found, suffix+" "+want) {
					t.Errorf("umask %s, mode %#o: no %s of mode %s: %v", mask, mode, suffix, want, r.Found)
				}
			}
			if !slices.Contains(r.Found, " "+bell) || slices.ContainsFunc(r.Found, func(s string) bool { return !strings.HasSuffix(s, want) && s != " "+bell }) {
				t.Errorf("umask %s, mode %#o: %v", mask, mode, r.Found)
			}
		}
	}
}
