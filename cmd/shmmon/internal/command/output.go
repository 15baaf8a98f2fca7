package command

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// document prints v as one indented JSON document.
func (a *app) document(v any) error {
	js, err := marshal(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, js, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err = a.stdout.Write(b.Bytes())
	return err
}

// line prints v as one line of JSON.
func (a *app) line(v any) error {
	js, err := marshal(v)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(append(js, '\n'))
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

// A grid is a table in plain text, each column as wide as it must be.
type grid struct {
	heads []string // a leading '>' puts the column's cells to the right
	rows  [][]string
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

func (g *grid) print(w io.Writer) error {
	widths := make([]int, len(g.heads))
	heads := make([]string, len(g.heads))
	for i, h := range g.heads {
		heads[i] = strings.TrimPrefix(h, ">")
		widths[i] = text.Width(heads[i])
		for _, r := range g.rows {
			widths[i] = max(widths[i], text.Width(r[i]))
		}
	}
	var b strings.Builder
	for _, r := range append([][]string{heads}, g.rows...) {
		var line strings.Builder
		for i, cell := range r {
			if i > 0 {
				line.WriteString("  ")
			}
			if strings.HasPrefix(g.heads[i], ">") {
				line.WriteString(text.Right(cell, widths[i]))
			} else {
				line.WriteString(text.Left(cell, widths[i]))
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
