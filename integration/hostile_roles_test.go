//go:build linux

package integration

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// hostileRole joins like anybody, publishes what exposedRole subscribes to and subscribes to what that publishes, and then
// attacks its own files, and the one that belongs to nobody, until it is killed, or until one of its own mappings faults.
func hostileRole(args []string) error {
	f := flag.NewFlagSet("hostile", flag.ContinueOnError)
	seed := f.Uint64("seed", 1, "")
	kind := f.String("attack", "mix", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	p, err := topic.Join(&topic.Options{Unit: "hostile"})
	if err != nil {
		return err
	}
	ctx := context.Background()
	sub, err := topic.NewSubscriber(p, "bait", &topic.SubscriberOptions[[]byte]{Lossless: *seed%2 == 0, LosslessTimeout: 20 * time.Millisecond})
	if err != nil {
		return err
	}
	pub, err := topic.NewPublisher(p, "hostile/raw", &topic.PublisherOptions[[]byte]{Latched: true})
	if err != nil {
		return err
	}
	typed, err := topic.NewPublisher(p, "hostile/typed", &topic.PublisherOptions[noted]{})
	if err != nil {
		return err
	}
	described, err := topic.NewPublisher(p, "hostile/described", &topic.PublisherOptions[[]byte]{
		Codec: serde.Opaque(serde.Type{Name: "t", Encoding: "cdr", SchemaEncoding: "ros2msg", Schema: []byte("string data")}),
	})
	if err != nil {
		return err
	}
	go func() {
		large := make([]byte, 300<<10)
		for i := 0; ; i++ {
			n := []int{8, 100, 3000, len(large)}[i%4]
			pub.Publish(ctx, large[:n])
			described.Publish(ctx, large[:n])
			typed.Publish(ctx, noted{strings.Repeat("x", n%4000)})
			time.Sleep(50 * time.Microsecond)
		}
	}()
	go func() {
		for s, err := range sub.Samples(ctx) {
			if err != nil {
				return
			}
			_ = len(s.Bytes())
		}
	}()
	time.Sleep(20 * time.Millisecond) // so that there is something to spoil
	a := &attacker{rand: rand.New(rand.NewPCG(*seed, 1)), dir: p.Dir(), own: p.ID().String() + "."}
	if err := a.open(); err != nil {
		return err
	}
	if err := report("ready"); err != nil {
		return err
	}
	for {
		a.strike(*kind)
		time.Sleep(time.Duration(a.rand.IntN(3000)) * time.Microsecond) // so that something goes well in between
	}
}

// noted is what is published as a value.
type noted struct{ Text string }

// attacks are in the order in which the test tries them, the mix of all last.
func attacks() []string {
	return []string{
		"scribble-header", "scribble-ring", "scribble-slots", "scribble-reader", "scribble-participant", "scribble-registry",
		"truncate", "size", "delete", "symlink", "fifo", "device", "directory", "huge", "mix",
	}
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
	if len(a.files) < 7 { // three publishers, a schema, a reader file, a participant file, the registry
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

func (a *attacker) strike(kind string) {
	switch kind {
	case "mix":
		all := attacks()
		a.strike(all[a.rand.IntN(len(all)-1)])
	case "scribble-header":
		a.scribble(a.file(".pub."), 0, 7424)
	case "scribble-ring":
		a.scribble(a.file(".pub."), 7424, 7424+16*128)
	case "scribble-slots":
		a.scribble(a.file(".pub."), 12288, 1<<20)
	case "scribble-reader":
		if a.rand.IntN(2) == 0 {
			a.scribble(a.file(".reader"), 0, 4096+64*8)
		} else {
			a.scribble(a.file(".reader"), 266240, 266240+4*4096)
		}
	case "scribble-participant":
		a.scribble(a.file(".participant"), 0, 4096+128)
		a.scribble(a.file(".participant"), 69632, 69632+4*4096)
	case "scribble-registry":
		a.scribble(a.file("registry"), 0, 20480)
	case "truncate", "size":
		f := a.files[a.rand.IntN(len(a.files))]
		info, err := f.Stat()
		if err != nil {
			return
		}
		size := []int64{0, 1, 4096, info.Size() / 2, info.Size() - 1, info.Size() + 4096}[a.rand.IntN(6)]
		f.Truncate(size)
		time.Sleep(time.Duration(a.rand.IntN(2000)) * time.Microsecond)
		if kind == "size" {
			f.Truncate(info.Size())
		}
	default:
		a.replace(kind)
	}
}

// scribble writes what is likely to be taken for something.
func (a *attacker) scribble(f *os.File, from, to int64) {
	for range 64 {
		off := from + a.rand.Int64N(to-from)
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
}

// replace puts something else in place of a name, or nothing.
func (a *attacker) replace(kind string) {
	path := a.files[a.rand.IntN(len(a.files))].Name()
	os.RemoveAll(path)
	switch kind {
	case "symlink":
		os.Symlink([]string{"/dev/zero", path, "/proc/self/mem", a.files[0].Name()}[a.rand.IntN(4)], path)
	case "fifo":
		syscall.Mkfifo(path, 0o600)
	case "device":
		if syscall.Mknod(path, syscall.S_IFCHR|0o600, 1<<8|5) != nil { // /dev/zero, for who may
			os.Symlink("/dev/zero", path)
		}
	case "directory":
		os.Mkdir(path, 0o700)
	case "huge":
		if f, err := os.Create(path); err == nil {
			b := make([]byte, 4096)
			a.files[a.rand.IntN(len(a.files))].ReadAt(b, 0)
			f.WriteAt(b, 0)
			f.Truncate(1 << 45)
			f.Close()
		}
	}
	time.Sleep(time.Duration(a.rand.IntN(3000)) * time.Microsecond)
}

// exposure is what exposedRole has been through.
type exposure struct {
	Received, Published uint64
	Named               map[string]int // errors, by the participant that an event or its error names, "" for nobody
	Kinds               map[string]int // by what they say
	Lives               int            // hostile participants that were met
	SysMiB              uint64
	Goroutines          int
}

// exposedRole subscribes to all that hostile participants publish, in every way there is, and publishes what they subscribe to.
func exposedRole([]string) error {
	p, err := topic.Join(&topic.Options{Unit: "exposed"})
	if err != nil {
		return err
	}
	defer p.Close()
	e := exposure{Named: map[string]int{}, Kinds: map[string]int{}}
	var mu sync.Mutex
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var work sync.WaitGroup
	work.Go(func() {
		for ev := range p.Events(ctx) {
			mu.Lock()
			switch {
			case ev.Kind == topic.Joined && ev.Participant.Unit == "hostile":
				e.Lives++
			case ev.Kind == topic.Unusable || ev.Kind == topic.TypeMismatch:
				text := ev.Err.Error()
				name := ""
				if ev.Participant.ID != 0 && (ev.Participant.Unit == "hostile" || strings.Contains(text, ev.Participant.ID.String())) {
					name = ev.Participant.ID.String()
				}
				e.Named[name]++
				if name == "" {
					e.Kinds[fmt.Sprintf("%+v: %s", ev.Participant, text)]++
				}
				for _, k := range []string{"cut the file short", "ring entry", "slot of sequence", "in a slot of", "arena", "magic", "checksum", "not a regular file", "too many levels", "depth", "removed while", "layout version"} {
					if strings.Contains(text, k) {
						e.Kinds[k]++
					}
				}
			}
			mu.Unlock()
		}
	})
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		e.Received += uint64(n)
	}
	subscribe := func(take func(ctx context.Context, sub *topic.Subscriber[[]byte]) error) error {
		sub, err := topic.NewSubscriber[[]byte](p, "hostile/**", nil)
		if err != nil {
			return err
		}
		work.Go(func() {
			if err := take(ctx, sub); err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			sub.Close()
		})
		return nil
	}
	err = errors.Join(
		subscribe(func(ctx context.Context, sub *topic.Subscriber[[]byte]) error {
			return sub.Handle(ctx, func(s topic.Sample[[]byte]) {
				sum := byte(0)
				for _, c := range s.Bytes() {
					sum += c
				}
				count(1)
			})
		}),
		subscribe(func(ctx context.Context, sub *topic.Subscriber[[]byte]) error {
			buf := make([]topic.Sample[[]byte], 16)
			var b []byte
			for {
				n, err := sub.ReceiveBatch(ctx, buf)
				if err != nil {
					return err
				}
				for _, s := range buf[:n] {
					b, _ = s.AppendTo(b[:0])
					s.Release()
				}
				count(n)
			}
		}),
		subscribe(func(ctx context.Context, sub *topic.Subscriber[[]byte]) error {
			var b []byte
			for ctx.Err() == nil {
				if s, ok := sub.Latest(); ok {
					b, _ = s.AppendTo(b[:0])
					s.Release()
				}
				if s, ok := sub.TryReceive(); ok {
					b, _ = s.AppendTo(b[:0])
					s.Release()
					count(1)
				}
				sub.Publishers()
				time.Sleep(100 * time.Microsecond)
			}
			return nil
		}),
	)
	if err != nil {
		return err
	}
	values, err := topic.NewSubscriber[noted](p, "hostile/typed", nil)
	if err != nil {
		return err
	}
	work.Go(func() {
		for {
			s, err := values.Receive(ctx)
			if err != nil {
				return
			}
			s.Value()
			s.Release()
		}
	})
	pub, err := topic.NewPublisher(p, "bait", &topic.PublisherOptions[[]byte]{MemoryLimit: 16 << 20})
	if err != nil {
		return err
	}
	work.Go(func() {
		b := make([]byte, 5000)
		var space *shmtransport.NoSpaceError
		for i := 0; ctx.Err() == nil; i++ {
			brief, stop := context.WithTimeout(ctx, 50*time.Millisecond)
			_, err := pub.Publish(brief, b[:1+i*37%len(b)])
			stop()
			if err == nil {
				mu.Lock()
				e.Published++
				mu.Unlock()
			} else if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) && !errors.As(err, &space) {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			time.Sleep(100 * time.Microsecond)
		}
	})
	if err := report("ready"); err != nil {
		return err
	}
	<-untilAsked()
	cancel()
	work.Wait()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	e.SysMiB, e.Goroutines = m.Sys>>20, runtime.NumGoroutine()
	return report(e)
}

// mend removes what a hostile process put where the others expect files, so that the next one can join.
func mend(dir string) error {
	registry := filepath.Join(dir, "registry")
	info, err := os.Lstat(registry)
	good := err == nil && info.Mode().IsRegular() && info.Size() == 20480
	if good {
		b, err := os.ReadFile(registry)
		good = err == nil && string(b[:8]) == "shmbus-r" && binary.NativeEndian.Uint32(b[8:]) == 2
	}
	if !good { // who looks for it makes a new one within a second
		if err := os.RemoveAll(registry); err != nil {
			return err
		}
	}
	list, err := os.ReadDir(dir)
	for _, e := range list {
		if e.Type()&fs.ModeType != 0 {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
