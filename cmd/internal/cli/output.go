package cli

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// An output passes on what a command prints until that fails. Then it remembers the error, tells the command to end, and
// takes the rest without a word: not every library that prints says properly that it could not.
type output struct {
	w      io.Writer
	failed func()
	err    error
}

func (o *output) Write(p []byte) (int, error) {
	if o.err == nil {
		if _, o.err = o.w.Write(p); o.err != nil {
			o.failed()
		}
	}
	return len(p), nil
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
