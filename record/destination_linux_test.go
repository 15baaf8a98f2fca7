package record

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

func pipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe.mcap")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRecord_PipeWithoutReader(t *testing.T) {
	_, err := Record(t.Context(), join(t, domain(t)), pipe(t), &RecordOptions{Force: true})
	if !errors.Is(err, syscall.ENXIO) || !strings.Contains(err.Error(), "start the reader first") {
		t.Errorf("got %v", err)
	}
}

func TestRecord_NoPartsOfAPipe(t *testing.T) {
	path := pipe(t)
	_, err := Record(t.Context(), join(t, domain(t)), path, &RecordOptions{Numbered: true, Duration: time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "name a file") {
		t.Errorf("got %v", err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("%v beside the pipe", files)
	}
}

func TestRecord_PipeIsStreamedTo(t *testing.T) {
	o := domain(t)
	path := pipe(t)
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	r := start(t, join(t, o), path, RecordOptions{Lossless: true})
	var got bytes.Buffer
	read := make(chan error)
	go func() {
		_, err := io.Copy(&got, reader)
		read <- err
	}()
	pub := publisher[string](t, join(t, o), "a", nil)
	for range 100 {
		publish(t, pub, strings.Repeat("x", 10_000))
	}
	if s := r.stop(); s.Messages != 100 || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	m, err := mcapfile.NewPlan(bytes.NewReader(got.Bytes()), int64(got.Len()), nil, nil)
	if err != nil || m.Damage != nil || m.Messages != 100 {
		t.Errorf("%+v, %v", m, err)
	}
}

// The queue of the writer and the pipe are full, and their reader takes nothing.
func TestRecord_PipeWhoseReaderTakesNothingEndsWithItsContext(t *testing.T) {
	o := domain(t)
	path := pipe(t)
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithCancel(t.Context())
	started, ended := make(chan struct{}), make(chan error)
	go func() {
		_, err := Record(ctx, join(t, o), path, &RecordOptions{Started: func() { close(started) }})
		ended <- err
	}()
	<-started
	pub := publisher[[]byte](t, join(t, o), "a", nil)
	noise := make([]byte, 4<<20)
	for i := range noise {
		noise[i] = byte(i * i >> 7)
	}
	for range 30 {
		publish(t, pub, noise)
	}
	cancel()
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestRecord_ReaderOfAPipeThatLeaves(t *testing.T) {
	o := domain(t)
	path := pipe(t)
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, join(t, o), path, RecordOptions{})
	reader.Close()
	r.cancel()
	if <-r.ended; !errors.Is(r.err, syscall.EPIPE) {
		t.Errorf("got %v", r.err)
	}
}

func TestRecord_FileRemovedByAnotherProgram(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(path string) error
		want string
	}{
		"removed":  {os.Remove, "removed it"},
		"cut":      {func(path string) error { return os.Truncate(path, 0) }, "changed its size from"},
		"replaced": {func(path string) error { return os.Rename(path, path+".1") }, "moved it"},
		"appended": {func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = f.WriteString("x")
				f.Close()
			}
			return err
		}, "changed its size from"},
	} {
		t.Run(name, func(t *testing.T) {
			o := domain(t)
			path := filepath.Join(t.TempDir(), "f.mcap")
			r := start(t, join(t, o), path, RecordOptions{ChunkAge: time.Hour}) // nothing is written before the end
			publish(t, publisher[string](t, join(t, o), "a", nil), "x")
			for info, err := os.Stat(path + unfinished); err == nil && info.Size() == 0; info, err = os.Stat(path + unfinished) {
				time.Sleep(time.Millisecond) // a file in which nothing is yet can be truncated
			}
			if err := c.do(path + unfinished); err != nil {
				t.Fatal(err)
			}
			r.cancel()
			<-r.ended
			var lost *LostFileError
			if !errors.As(r.err, &lost) || !strings.Contains(r.err.Error(), c.want) {
				t.Errorf("got %v", r.err)
			}
			if info, err := os.Stat(path + unfinished); name == "cut" && (err != nil || info.Size() != 0) {
				t.Errorf("the file was written on: %v, %v", info, err)
			}
		})
	}
}

// A file that is truncated between the check and the write keeps no hole, which would have the expected size.
func TestDestination_TruncatedBeforeTheWrite(t *testing.T) {
	d, err := createDestination(filepath.Join(t.TempDir(), "f.mcap"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if _, err := d.Write([]byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := d.file.Write([]byte("second")); err != nil { // as Write does after its check
		t.Fatal(err)
	}
	d.size += int64(len("second"))
	var lost *LostFileError
	if _, err := d.Write([]byte("third")); !errors.As(err, &lost) {
		t.Errorf("got %v", err)
	}
}

// A part that a full disk ends before its first message leaves nothing.
func TestParts_PartWithoutMessagesIsRemoved(t *testing.T) {
	dir := t.TempDir()
	p := &parts{path: filepath.Join(dir, "f.mcap"), opts: &RecordOptions{Numbered: true}}
	for messages, want := range []int{0, 1} {
		d, _, err := p.create(time.Now())
		must(t, err)
		if _, err := d.Write([]byte("header")); err != nil {
			t.Fatal(err)
		}
		failed := &mcapfile.WriteError{Messages: uint64(messages), Err: syscall.ENOSPC}
		if err := p.done(d, failed); err != failed {
			t.Errorf("got %v", err)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != want {
			t.Errorf("with %d messages: left %v, %v", messages, files, err)
		}
	}
}

func TestRecord_UnsuitableDestination(t *testing.T) {
	p := join(t, domain(t))
	socket := filepath.Join(t.TempDir(), "socket")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: socket}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{socket: "it is a socket", t.TempDir(): "it is a directory"} {
		if _, err := Record(t.Context(), p, path, &RecordOptions{Force: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func TestRecord_SymbolicLinkStays(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(target, nil, 0o600), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	p := join(t, domain(t))
	if _, err := Record(t.Context(), p, link, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v", err)
	}
	start(t, p, link, RecordOptions{Force: true}).stop()
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link became %v, %v", info, err)
	}
	messages(t, target)
}

func TestRecord_ReservedSpaceIsGivenBack(t *testing.T) {
	o := domain(t)
	path := filepath.Join(o.Dir, "f.mcap") // tmpfs
	r := start(t, join(t, o), path, RecordOptions{})
	allocated := func(path string) int64 {
		var st syscall.Stat_t
		if err := syscall.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		return st.Blocks * 512
	}
	for allocated(path+unfinished) < reserveStep { // the part begins on another goroutine
		time.Sleep(time.Millisecond)
	}
	r.stop()
	if n := allocated(path); n > 64<<10 {
		t.Errorf("the complete file takes %d bytes of the disk", n)
	}
}
