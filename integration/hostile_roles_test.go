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

	"github.com/shmbus/shmbus/registry"
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
	all := attacks()
	k := slices.IndexFunc(all, func(a attack) bool { return a.name == *kind })
	if err := errors.Join(report("ready"), report(uint64(p.ID()))); err != nil {
		return err
	}
	for {
		all[k].strike(a)
		time.Sleep(time.Duration(a.rand.IntN(3000)) * time.Microsecond) // so that something goes well in between
	}
}

// noted is what is published as a value.
type noted struct{ Text string }

// An attack is one way to hurt the others.
type attack struct {
	name   string
	strike func(*attacker)

	// harmless says why nobody need hear of it; empty: whoever does it is named.
	harmless string
}

// attacks are in the order in which the test tries them, the mix of all last.
func attacks() []attack {
	return []attack{
		{"headers", func(a *attacker) { a.scribble(a.file(".pub."), 0, 64) }, ""},
		{"bells", func(a *attacker) { a.scribble(a.file(".pub."), 64, 280) },
			"a bell that rings costs a look; a ring that says it is closed, or full, is left alone; the head is a hint"},
		{"arenas", func(a *attacker) { a.scribble(a.file(".pub."), 280, 280+8*24) }, ""},
		{"admissions", func(a *attacker) { a.scribble(a.file(".pub."), 3328, 7424) },
			"the publisher believes its own table; a reader that it does not name is not watched, and one that it does has its marks to lose"},
		{"descriptors", func(a *attacker) { a.scribble(a.file(".pub."), 7424, 7424+16*128) }, ""},
		{"sequences", func(a *attacker) { a.spoilSlots(0) }, ""},
		{"lengths", func(a *attacker) { a.spoilSlots(8) }, ""},
		{"payloads", func(a *attacker) { a.scribble(a.file(".pub."), 12288, 1<<20) },
			"what it says is the publisher's own affair: a value that cannot be decoded is an error of that sample"},
		{"requests", func(a *attacker) { a.scribble(a.file(".reader"), 0, 4096+64*8) },
			"the file is checked when it is opened; a request for what nobody publishes is nobody's"},
		{"marks", func(a *attacker) { a.scribble(a.file(".reader"), 266240, 266240+4*4096) },
			"marks keep slots, up to the limit of the publisher that is read; a cursor is believed as far as it can be true, and waited for as long as its patience"},
		{"counters", func(a *attacker) { a.scribble(a.file(".participant"), 69632+3200, 69632+3840) },
			"they are shown as they are"},
		{"identity", func(a *attacker) { a.scribble(a.file(".participant"), 0, 64) }, ""},
		{"entries", func(a *attacker) {
			a.scribble(a.file(".participant"), 4096, 4096+128)
			a.scribble(a.file(".participant"), 69632, 69632+4*4096)
			a.scribble(a.file(".participant"), 64, 72) // or nobody looks
		}, ""},
		{"registry", func(a *attacker) { a.scribble(a.file("registry"), 0, 20480) },
			"the file is nobody's and holds hints: looks at intervals do without"},
		{"truncate", func(a *attacker) { a.truncate(false) }, ""},
		{"size", func(a *attacker) { a.truncate(true) }, ""},
		{"delete", func(a *attacker) { a.replace(func(string) {}) }, ""},
		{"link", func(a *attacker) {
			a.replace(func(path string) {
				os.Symlink([]string{"/dev/zero", path, "/proc/self/mem", a.files[0].Name()}[a.rand.IntN(4)], path)
			})
		}, ""},
		{"fifo", func(a *attacker) { a.replace(func(path string) { syscall.Mkfifo(path, 0o600) }) }, ""},
		{"device", func(a *attacker) {
			a.replace(func(path string) {
				if syscall.Mknod(path, syscall.S_IFCHR|0o600, 1<<8|5) != nil { // /dev/zero, for who may
					os.Symlink("/dev/zero", path)
				}
			})
		}, ""},
		{"directory", func(a *attacker) { a.replace(func(path string) { os.Mkdir(path, 0o700) }) }, ""},
		{"huge", func(a *attacker) { a.replace(a.makeHuge) }, ""},
		{"mix", func(a *attacker) {
			all := attacks()
			all[a.rand.IntN(len(all)-1)].strike(a)
		}, ""},
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

// spoilSlots writes to one word of the headers of all slots of a publisher.
func (a *attacker) spoilSlots(word int64) {
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

// exposure is what exposedRole has been through.
type exposure struct {
	Received, Published uint64
	Named               int            // hostile participants that an event or its error names
	Nameless            []string       // events of which nobody knows who is to blame
	Kinds               map[string]int // errors by what they say
	Lives               int            // hostile participants that were met
	SysMiB, MostSysMiB  uint64         // memory that the runtime had of the system at the end, and at most
	Goroutines          int
	Descriptors, Maps   int
}

// words that errors about the hostile contain.
var complaints = []string{
	"cut the file short", "ring entry", "slot of sequence", "in a slot of", "arena", "magic", "checksum", "not a regular file",
	"too many levels", "depth", "removed while", "layout version", "cannot be read", "entity page",
}

// A chronicler takes down who is named.
type chronicler struct {
	mu    sync.Mutex
	e     exposure
	named map[registry.ID]int
}

func (w *chronicler) hear(ev topic.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case ev.Kind == topic.Joined && ev.Participant.Unit == "hostile":
		w.e.Lives++
	case ev.Kind == topic.Unusable || ev.Kind == topic.TypeMismatch:
		text, id := ev.Err.Error(), ev.Participant.ID
		if id != 0 && (ev.Participant.Unit == "hostile" || strings.Contains(text, id.String())) {
			w.named[id]++
		} else {
			w.e.Nameless = append(w.e.Nameless, fmt.Sprintf("%+v: %s", ev.Participant, text))
		}
		for _, k := range complaints {
			if strings.Contains(text, k) {
				w.e.Kinds[k]++
			}
		}
	}
}

// howOften returns how often a participant was named.
func (w *chronicler) howOften(id registry.ID) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.named[id]
}

// watch looks at the process's memory.
func (w *chronicler) watch(ctx context.Context) {
	var m runtime.MemStats
	for ctx.Err() == nil {
		runtime.ReadMemStats(&m)
		w.mu.Lock()
		w.e.SysMiB, w.e.MostSysMiB = m.Sys>>20, max(m.Sys>>20, w.e.MostSysMiB)
		w.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// newcomers joins again and again and looks at what is there as somebody who sees it for the first time.
func (w *chronicler) newcomers(ctx context.Context) error {
	for ctx.Err() == nil {
		p, err := topic.Join(&topic.Options{Unit: "newcomer"})
		if err != nil {
			var registryFile *registry.CorruptError // it is nobody's, and mended
			var version *registry.VersionError
			if errors.As(err, &registryFile) || errors.As(err, &version) || strings.Contains(err.Error(), "/registry") {
				time.Sleep(time.Millisecond)
				continue
			}
			return err
		}
		heard := make(chan struct{})
		go func() {
			defer close(heard)
			for ev := range p.Events(context.Background()) {
				if ev.Kind != topic.Joined {
					w.hear(ev)
				}
			}
		}()
		if sub, err := topic.NewSubscriber(p, "hostile/**", &topic.SubscriberOptions[[]byte]{History: 16}); err == nil {
			var b []byte
			for range 64 {
				if s, ok := sub.TryReceive(); ok {
					b, _ = s.AppendTo(b[:0])
					s.Release()
				}
			}
		}
		time.Sleep(5 * time.Millisecond)
		if err := p.Close(); err != nil {
			return err
		}
		<-heard
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// exposedRole subscribes to all that hostile participants publish, in every way there is, and publishes what they subscribe to.
// Told of a participant, it reports how often that one was named.
func exposedRole([]string) error {
	p, err := topic.Join(&topic.Options{Unit: "exposed"})
	if err != nil {
		return err
	}
	defer p.Close()
	w := &chronicler{e: exposure{Kinds: map[string]int{}}, named: map[registry.ID]int{}}
	mu, e := &w.mu, &w.e
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var work sync.WaitGroup
	work.Go(func() {
		for ev := range p.Events(ctx) {
			w.hear(ev)
		}
	})
	work.Go(func() { w.watch(ctx) })
	work.Go(func() {
		if err := w.newcomers(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
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
	told, asked := orders()
	for id := range told {
		if err := report(w.howOften(registry.ID(id))); err != nil {
			return err
		}
	}
	<-asked
	cancel()
	work.Wait()
	e.Named, e.Goroutines = len(w.named), runtime.NumGoroutine()
	if list, err := os.ReadDir("/proc/self/fd"); err == nil {
		e.Descriptors = len(list)
	}
	if maps, err := os.ReadFile("/proc/self/maps"); err == nil {
		e.Maps = strings.Count(string(maps), "\n")
	}
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
