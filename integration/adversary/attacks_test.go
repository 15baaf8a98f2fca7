//go:build linux

package adversary

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

// An attack is one way to hurt the others.
type attack struct {
	name string
	run  func(*attacker)

	// harmless says why no event needs to name the adversary; empty: an event names it.
	harmless string

	// refused says why joiners may be refused until the registry file is repaired, with an error that names it; empty: no joiner is
	// refused.
	refused string
}

// Only attacks on the registry file keep joiners out. Every process that may join may write to it, and to the directory.
const (
	corrupted = "the registry file is corrupted"
	cut       = "the registry file is cut short, or too long"
	replaced  = "something else has the registry file's name"
)

// attacks are in the order in which the test tries them, the mix of all last.
func attacks() []attack {
	all := []attack{
		{"headers", func(a *attacker) { a.scribble(a.file(".pub."), 0, 64) }, "", ""},
		{"bells", func(a *attacker) { a.scribble(a.file(".wake"), 64, 4096) }, "a bell that rings costs one scan", ""},
		{"states", func(a *attacker) { a.scribble(a.file(".pub."), 64, 280) },
			"a ring that says it is closed, or full, is left alone; the head is a hint", ""},
		{"arenas", func(a *attacker) { a.scribble(a.file(".pub."), 280, 280+8*24) }, "", ""},
		{"admissions", func(a *attacker) { a.scribble(a.file(".pub."), 3328, 7424) },
			"the publisher believes its own table; a reader that it does not name is not watched, and one that it does has its marks to lose", ""},
		{"descriptors", func(a *attacker) { a.scribble(a.file(".pub."), 7424, 7424+16*128) }, "", ""},
		{"sequences", func(a *attacker) { a.corruptSlots(0) }, "", ""},
		{"lengths", func(a *attacker) { a.corruptSlots(8) }, "", ""},
		{"payloads", func(a *attacker) { a.scribble(a.file(".pub."), 12288, 1<<20) },
			"what it says is the publisher's own affair: a value that cannot be decoded is an error of that sample", ""},
		{"requests", func(a *attacker) { a.scribble(a.file(".reader"), 0, 4096+64*8) },
			"the file is checked when it is opened; a request for a topic without a publisher has no effect", ""},
		{"marks", func(a *attacker) { a.scribble(a.file(".reader"), 8192, 8192+4*4096) },
			"marks keep slots, up to the limit of the publisher that is read; a cursor is believed as far as it can be true, and waited for until the timeout", ""},
		{"counters", func(a *attacker) { a.scribble(a.file(".participant"), 8192+3200, 8192+3840) },
			"they are shown as they are", ""},
		{"identity", func(a *attacker) { a.scribble(a.file(".participant"), 0, 64) }, "", ""},
		{"entries", func(a *attacker) {
			a.scribble(a.file(".participant"), 4096, 4096+128)    // the index
			a.scribble(a.file(".participant"), 8192, 8192+4*4096) // the records
			a.scribble(a.file(".participant"), 3840, 3844)        // the count of changes of the index
			a.scribble(a.file(".participant"), 64, 72)            // the table version, without which no process reads the table
		}, "", ""},
		{"registry", func(a *attacker) { a.scribble(a.file("registry"), 0, 20480) },
			"the file holds hints, and scans at intervals do without", corrupted},
		{"truncate", func(a *attacker) { a.truncate(false) }, "", cut},
		{"size", func(a *attacker) { a.truncate(true) }, "", cut},
		{"delete", func(a *attacker) { a.replace(func(string) {}) }, "", ""},
		{"link", func(a *attacker) {
			a.replace(func(path string) {
				os.Symlink([]string{"/dev/zero", path, "/proc/self/mem", a.files[0].Name()}[a.rand.IntN(4)], path)
			})
		}, "", replaced},
		{"fifo", func(a *attacker) { a.replace(func(path string) { syscall.Mkfifo(path, 0o600) }) }, "", replaced},
		{"device", func(a *attacker) {
			a.replace(func(path string) {
				if syscall.Mknod(path, syscall.S_IFCHR|0o600, 1<<8|5) != nil { // /dev/zero, if it may
					os.Symlink("/dev/zero", path)
				}
			})
		}, "", replaced},
		{"directory", func(a *attacker) { a.replace(func(path string) { os.Mkdir(path, 0o700) }) }, "", replaced},
		{"huge", func(a *attacker) { a.replace(a.makeHuge) }, "", replaced},
		{"mix", func(a *attacker) {
			all := attacks()
			all[a.rand.IntN(len(all)-1)].run(a)
		}, "", "all of these"},
	}
	if !harness.SurvivesTruncation {
		all = slices.DeleteFunc(all, func(a attack) bool { return a.refused == cut })
	}
	return all
}

// An attacker knows the files of its own participant, and the registry file, by name and by descriptor.
type attacker struct {
	rand  *rand.Rand
	dir   string
	own   string
	files []*os.File
}

func (a *attacker) open() error {
	list, err := os.ReadDir(a.dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name(), a.own) || e.Name() == "registry" {
			f, err := os.OpenFile(filepath.Join(a.dir, e.Name()), os.O_RDWR, 0)
			if err != nil {
				return err
			}
			a.files = append(a.files, f)
		}
	}
	if len(a.files) < 8 { // three publishers, a wake file, a schema, a reader file, a participant file, the registry
		return fmt.Errorf("only %d files", len(a.files))
	}
	return nil
}

func (a *attacker) file(part string) *os.File {
	of := slices.Collect(func(yield func(*os.File) bool) {
		for _, f := range a.files {
			if strings.Contains(filepath.Base(f.Name()), part) && !yield(f) {
				return
			}
		}
	})
	return of[a.rand.IntN(len(of))]
}

// truncate makes a file shorter or longer, for good or for a moment.
func (a *attacker) truncate(back bool) {
	f := a.files[a.rand.IntN(len(a.files))]
	info, err := f.Stat()
	if err != nil {
		return
	}
	f.Truncate([]int64{0, 1, 4096, info.Size() / 2, info.Size() - 1, info.Size() + 4096}[a.rand.IntN(6)])
	time.Sleep(time.Duration(a.rand.IntN(2000)) * time.Microsecond)
	if back {
		f.Truncate(info.Size())
	}
}

// corruptSlots writes to one word of the headers of all slots of a publisher.
func (a *attacker) corruptSlots(word int64) {
	f := a.file(".pub.")
	var table [8 * 24]byte
	if _, err := f.ReadAt(table[:], 280); err != nil {
		return
	}
	for e := table[:]; len(e) > 0; e = e[24:] {
		off, stride := int64(binary.NativeEndian.Uint64(e)), 64+int64(binary.NativeEndian.Uint64(e[8:]))
		for i := range min(int64(binary.NativeEndian.Uint32(e[16:])), 64) {
			a.garble(f, off+i*stride+word)
		}
	}
}

// scribble writes what is likely to be taken for something.
func (a *attacker) scribble(f *os.File, from, to int64) {
	for range 64 {
		a.garble(f, from+a.rand.Int64N(to-from))
	}
}

// garble changes a word, half of it, or a byte.
func (a *attacker) garble(f *os.File, off int64) {
	var b [8]byte
	f.ReadAt(b[:], off&^7)
	was := binary.NativeEndian.Uint64(b[:])
	v := []uint64{
		0, 1, 1<<64 - 1, 1 << 63, 1<<32 - 1, was + 1, was - 1, was + 1<<22, was ^ 1<<a.rand.IntN(64), a.rand.Uint64(),
		was&^(1<<22-1) | a.rand.Uint64N(1<<22), uint64(a.rand.IntN(1 << 16)),
	}[a.rand.IntN(12)]
	binary.NativeEndian.PutUint64(b[:], v)
	switch a.rand.IntN(3) {
	case 0:
		f.WriteAt(b[:], off&^7)
	case 1:
		f.WriteAt(b[:4], off&^3)
	default:
		f.WriteAt(b[:1], off)
	}
}

// replace takes a file's name away and calls put for it.
func (a *attacker) replace(put func(path string)) {
	path := a.files[a.rand.IntN(len(a.files))].Name()
	os.RemoveAll(path)
	put(path)
	time.Sleep(time.Duration(a.rand.IntN(3000)) * time.Microsecond)
}

// makeHuge makes a file that begins like one of ours and is longer than any memory.
func (a *attacker) makeHuge(path string) {
	f, err := os.Create(path)
	if err != nil {
		return
	}
	defer f.Close()
	b := make([]byte, 4096)
	a.files[a.rand.IntN(len(a.files))].ReadAt(b, 0)
	f.WriteAt(b, 0)
	f.Truncate(1 << 45)
}
