package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/charmbracelet/x/term"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// An output passes on what a command prints until that fails. Then it remembers the error, tells the command to end, and
// takes the rest without a word: not every library that prints says properly that it could not.
type output struct {
	w      io.Writer
	failed func()
	mu     sync.Mutex
	err    error
}

func (o *output) Write(p []byte) (int, error) {
	if o.problem() == nil {
		if _, err := o.w.Write(p); err != nil {
			o.fail(err)
		}
	}
	return len(p), nil
}

func (o *output) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = err
		o.failed()
	}
}

func (o *output) problem() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// Streaming is for a command that prints now and then and has nothing else to do: until the context ends or stop is called, the
// command is told to end also when the reader of its output leaves before there is more to print.
func (a *App) Streaming(ctx context.Context) (stop func()) {
	file, ok := a.out.w.(*os.File)
	if !ok {
		return func() {}
	}
	const pollTime = 200 * time.Millisecond
	ctx, stop = context.WithCancel(ctx)
	go func() {
		for ctx.Err() == nil {
			if begin := time.Now(); left(file, pollTime) {
				a.out.fail(syscall.EPIPE)
			} else if time.Since(begin) < pollTime/2 {
				return // nothing to wait for
			}
		}
	}()
	return stop
}

// Columns returns how many cells a line of standard output has, 0 where it is no terminal.
func (a *App) Columns() int {
	if a.Screen == nil {
		return 0
	}
	width, _, err := term.GetSize(a.Screen.Fd())
	if err != nil {
		return 0
	}
	return width
}

// Document prints v as one indented JSON document.
func (a *App) Document(v any) error {
	js, err := marshal(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, js, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err = a.Stdout.Write(b.Bytes())
	return err
}

// Line prints v as one line of JSON.
func (a *App) Line(v any) error {
	js, err := marshal(v)
	if err != nil {
		return err
	}
	_, err = a.Stdout.Write(append(js, '\n'))
	return err
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return text.EscapeJSON(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}
