package registry

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/shm"
)

// A bell is the mapped registry file of a domain. The file belongs to nobody: it may be removed, replaced or cut short by
// anyone at any time, which costs speed and nothing else.
type bell struct {
	dir, path string
	mode      fs.FileMode
	log       *slog.Logger

	mu      sync.Mutex // guards the rest against ring; only the owner of the bell changes it
	file    *shm.File
	mapping *shm.Mapping
	word    *atomic.Uint32 // nil: there is no bell now
	nonce   []byte
}

// openBell opens the registry file of the domain, creating it if there is none.
func openBell(dir string, ownerMode fs.FileMode, log *slog.Logger) (*bell, error) {
	b := &bell{dir: dir, path: filepath.Join(dir, registryName), mode: 0o600, log: log}
	if ownerMode&0o040 != 0 {
		b.mode = 0o660
	}
	if err := b.open(); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *bell) open() error {
	const attempts = 8 // each is lost only to somebody who removes the file between two of our calls
	for range attempts {
		f, err := shm.OpenShared(b.path)
		if errors.Is(err, fs.ErrNotExist) {
			f, err = b.create()
			if errors.Is(err, fs.ErrExist) {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("open the registry of the domain: %w", err)
		}
		if err := b.use(f); err != nil {
			f.Close()
			return err
		}
		return nil
	}
	return fmt.Errorf("open the registry of the domain: %s comes and goes", b.path)
}

func (b *bell) create() (_ *shm.File, err error) {
	f, err := shm.Create(b.dir, registrySize, b.mode)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := f.Reserve(0, registrySize); err != nil {
		return nil, err
	}
	m, err := f.Map(0, registrySize, true)
	if err != nil {
		return nil, err
	}
	page := m.Bytes()
	copy(page[offMagic:], registryMagic)
	native.PutUint32(page[offVersion:], layoutVersion)
	rand.Read(page[offNonce : offNonce+nonceSize])
	if err := m.Unmap(); err != nil {
		return nil, err
	}
	return f, f.Publish(b.path)
}

func (b *bell) use(f *shm.File) error {
	nonce, err := readRegistryFile(f, b.path)
	if err != nil {
		return err
	}
	m, err := f.Map(0, registrySize, true)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.file, b.mapping, b.nonce = f, m, nonce
	b.word = mem.Uint32(m.Bytes(), offBell)
	return nil
}

func readRegistryFile(f *shm.File, path string) (nonce []byte, err error) {
	if size, err := f.Size(); err != nil {
		return nil, err
	} else if size != registrySize {
		return nil, &CorruptError{Path: path, What: fmt.Sprintf("it has %d bytes instead of %d", size, registrySize)}
	}
	b := make([]byte, offNonce+nonceSize)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := checkVersion(b, path, registryMagic); err != nil {
		return nil, err
	}
	return b[offNonce:], nil
}

func checkRegistryFile(path string) error {
	f, err := shm.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = readRegistryFile(f, path)
	return err
}

// check finds out whether the mapped file is still the one that the others ring, and changes to theirs if not. Without a
// bell it reports false. Only the goroutine that waits on the bell may call it.
func (b *bell) check() bool {
	f, err := shm.Open(b.path)
	if err == nil {
		var nonce []byte
		nonce, err = readRegistryFile(f, b.path)
		f.Close()
		if err == nil && b.word != nil && bytes.Equal(nonce, b.nonce) {
			return true
		}
	}
	had := b.word != nil
	b.close()
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = b.open()
	}
	if err != nil && had {
		b.log.Warn("the domain has no bell; looking at short intervals instead", "err", err)
	}
	return err == nil
}

// ring tells everybody to look.
func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.word != nil {
		b.touch(func() { b.word.Add(1) })
		futex.Wake(b.word)
	}
}

// value reads the bell. Only the goroutine that waits on the bell may call it.
func (b *bell) value() (v uint32) {
	if b.word != nil {
		b.touch(func() { v = b.word.Load() })
	}
	return v
}

// touch runs fn, which accesses the page. Whoever cut the file short made that access a fault, which here means only that
// nothing was heard; check will notice.
func (b *bell) touch(fn func()) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover().(type) {
		case nil:
		case interface {
			runtime.Error
			Addr() uintptr
		}:
		default:
			panic(r)
		}
	}()
	fn()
}

func (b *bell) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file == nil {
		return nil
	}
	err := errors.Join(b.mapping.Unmap(), b.file.Close())
	b.file, b.mapping, b.word, b.nonce = nil, nil, nil, nil
	return err
}
