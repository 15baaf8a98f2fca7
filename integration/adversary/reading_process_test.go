//go:build linux

package adversary

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// Operations of the futex system call, which the syscall package has no names for.
const (
	futexWait       = 0
	futexWake       = 1
	futexRequeue    = 3
	futexCmpRequeue = 4
)

// A readingAttack is what a process found that opened all files of a domain that it may, attacked every word in them, and
// touched every byte.
type readingAttack struct {
	Laps    int
	Opened  map[string]int // files, by sort
	Refused map[string]int // files that the kernel did not let it open, by sort
	Words   uint64         // attacks on a word
	Moved   uint64         // sleepers that were moved to a word of this process
	Woken   uint64         // sleepers that were woken
	Holes   int64          // bytes that a file had in holes, at most
	Taken   int64          // bytes of memory that touching made the kernel add
	Strange []string       // what should not happen
}

// A readingAttackRequest starts a process that attacks until the parent asks it to end, and replies with a readingAttack.
type readingAttackRequest struct{}

func runReadingAttack(ctx context.Context, parent *subproc.Parent, _ readingAttackRequest) error {
	debug.SetPanicOnFault(true)
	a := readingAttack{Opened: map[string]int{}, Refused: map[string]int{}}
	mine, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED|syscall.MAP_ANON)
	if err != nil {
		return err
	}
	if err := parent.Ready(); err != nil {
		return err
	}
	for ; ctx.Err() == nil; time.Sleep(time.Millisecond) {
		names, err := filepath.Glob(filepath.Join(os.Getenv("SHMBUS_DIR"), os.Getenv("SHMBUS_DOMAIN"), "*"))
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := a.attack(name, mine); err != nil && len(a.Strange) < 10 {
				a.Strange = append(a.Strange, err.Error())
			}
		}
		a.Laps++
	}
	return parent.Reply(a)
}

// attack attacks all words of a file.
func (a *readingAttack) attack(path string, mine []byte) error {
	sort := strings.Split(filepath.Base(path)+".", ".")[1]
	if sort == "" {
		sort = filepath.Base(path)
	}
	if f, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
		f.Close()
		return fmt.Errorf("%s can be written", filepath.Base(path))
	}
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // it went
	case errors.Is(err, fs.ErrPermission):
		a.Refused[sort]++
		return nil
	case err != nil:
		return err
	}
	defer f.Close()
	a.Opened[sort]++
	size, backed := sizeOf(f)
	if size == 0 {
		return nil
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	defer syscall.Munmap(b)
	a.words(b, mine)
	now, taken := sizeOf(f)
	for try := 0; try < 10 && now == size && taken > backed; try++ {
		time.Sleep(time.Millisecond) // its owner may be making it longer
		now, taken = sizeOf(f)
	}
	if now == size {
		a.Taken += max(0, taken-backed)
		a.Holes = max(a.Holes, size-backed)
	}
	return nil
}

// sizeOf returns how long a file is and how much memory it has.
func sizeOf(f *os.File) (size, backed int64) {
	info, err := f.Stat()
	if err != nil {
		return 0, 0
	}
	return info.Size(), info.Sys().(*syscall.Stat_t).Blocks * 512
}

// words touches all bytes and attacks all words of a mapping. Its owner may cut it short, which ends it.
func (a *readingAttack) words(b, mine []byte) {
	defer func() { _ = recover() }()
	sum := byte(0)
	for _, c := range b {
		sum += c
	}
	mine[8] = sum
	target := uintptr(unsafe.Pointer(&mine[0]))
	soon := syscall.Timespec{Nsec: 1000}
	for at := 0; at+4 <= len(b); at += 4 {
		word := uintptr(unsafe.Pointer(&b[at]))
		value := *(*uint32)(unsafe.Pointer(&b[at]))
		moved, _, e := syscall.RawSyscall6(syscall.SYS_FUTEX, word, futexRequeue, 0, math.MaxInt32, target, 0)
		a.count(&a.Moved, moved, e)
		moved, _, e = syscall.RawSyscall6(syscall.SYS_FUTEX, word, futexCmpRequeue, 0, math.MaxInt32, target, uintptr(value))
		a.count(&a.Moved, moved, e)
		woken, _, e := syscall.RawSyscall6(syscall.SYS_FUTEX, word, futexWake, math.MaxInt32, 0, 0, 0)
		a.count(&a.Woken, woken, e)
		if at%4096 == 64 { // it takes a moment each
			syscall.Syscall6(syscall.SYS_FUTEX, word, futexWait, uintptr(value), uintptr(unsafe.Pointer(&soon)), 0, 0)
		}
		a.Words++
	}
}

func (a *readingAttack) count(to *uint64, n uintptr, e syscall.Errno) {
	if e == 0 {
		*to += uint64(n)
	}
}

// readerChurn is the request of a process that lets one participant after the other join, publish to one that listens, and leave, until the parent
// asks it to end. It replies with how many there were.
type readerChurn struct{}

func churnReaders(ctx context.Context, parent *subproc.Parent, _ readerChurn) error {
	if err := parent.Ready(); err != nil {
		return err
	}
	n := uint64(0)
	for ; ctx.Err() == nil; n++ {
		if err := visitOnce(); err != nil {
			return err
		}
	}
	return parent.Reply(n)
}

func visitOnce() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), harness.WaitLimit)
	defer cancel()
	var both [2]*topic.Participant
	for i := range both {
		if both[i], err = topic.Join(&topic.Options{Unit: "newcomer"}); err != nil {
			return err
		}
		defer both[i].Close()
	}
	sub, err := topic.NewSubscriber[[]byte](ctx, both[0], "new", nil)
	if err != nil {
		return err
	}
	pub, err := topic.NewPublisher[[]byte](ctx, both[1], "new", nil)
	if err != nil {
		return err
	}
	for range 3 {
		if _, err := pub.Publish(ctx, make([]byte, 1000)); err != nil {
			return err
		}
		s, err := sub.Receive(ctx)
		if err != nil {
			return err
		}
		if s.Release(); s.Lost() != 0 {
			return fmt.Errorf("%d samples are lost", s.Lost())
		}
	}
	return nil
}
