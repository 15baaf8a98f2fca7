package metrics

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// A family is the series of one metric.
type family struct {
	name, kind, help string
	lines            bytes.Buffer
	seen             map[string]bool // labels
	dropped          int
}

// Bounds of what other processes can cause.
const (
	maxSeries = 10_000 // of one metric
	maxLabel  = 300    // bytes of a label's value, before it is escaped; a topic has 255
)

func gauge(name, help string) *family { return &family{name: name, kind: "gauge", help: help} }

// summary is a metric whose series are quantiles. The kind wants that; sum and count are not known.
func summary(name, help string) *family { return &family{name: name, kind: "summary", help: help} }

func counter(name, help string) *family { return &family{name: name, kind: "counter", help: help} }

// add adds a series with names and values of labels in turns. Prometheus refuses all metrics if two series are the same, so that the second
// one is left out: names of other processes may differ only in characters that are escaped.
func (f *family) add(v float64, labels ...string) {
	var b strings.Builder
	for i := 0; i+1 < len(labels); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(labels[i] + `="` + escapeLabel(labels[i+1]) + `"`)
	}
	key := b.String()
	if f.seen[key] || len(f.seen) >= maxSeries {
		f.dropped++
		return
	}
	if f.seen == nil {
		f.seen = make(map[string]bool)
	}
	f.seen[key] = true
	f.lines.WriteString(f.name)
	if key != "" {
		f.lines.WriteString("{" + key + "}")
	}
	f.lines.WriteString(" " + strconv.FormatFloat(v, 'g', -1, 64) + "\n")
}

// escapeLabel makes a text of another process the value of a label.
func escapeLabel(s string) string {
	if len(s) > maxLabel {
		s = strings.ToValidUTF8(s[:maxLabel], "") + "…"
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text.Escape(s))
}

// render writes metrics in the text format. One without series is left out.
func render(all []*family) []byte {
	var b bytes.Buffer
	for _, f := range all {
		if f.lines.Len() > 0 {
			b.WriteString("# HELP " + f.name + " " + f.help + "\n# TYPE " + f.name + " " + f.kind + "\n")
			b.Write(f.lines.Bytes())
		}
	}
	return b.Bytes()
}
