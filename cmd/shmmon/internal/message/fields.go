package message

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/dynamic"
)

// Limits of a tree.
const (
	maxPayload  = 16 << 20 // bytes that are decoded
	maxFields   = 2000     // fields of a tree
	maxElements = 32       // elements of one array that are shown
	maxDepth    = 32       // levels of a tree
	maxText     = 500      // bytes of one text
)

// A Field is a line of a tree: a value with its name, or an object or array that the following lines are in.
type Field struct {
	Path    string // as echo --field takes it, such as pose.position.x or points[3].x; escaped
	Name    string // the last part of Path
	Depth   int
	Value   string // escaped; of an object or array how much is in it
	Leaf    bool   // it is a single value
	Numeric bool
	Number  float64 // of a numeric field
}

// A Decoder decodes messages. The zero value is ready.
type Decoder struct{ payloads dynamic.Converter }

// Fields returns the tree of a message. A tree has a part of a long array or message: the single value at the path also is at its end where
// it is left out. The error says why there is no tree: the bytes are not of their type, or nothing can decode them.
func (d *Decoder) Fields(m *Message, also string) ([]Field, error) {
	if len(m.Payload) > maxPayload {
		return nil, fmt.Errorf("%s are not decoded here: the limit is %s; use shmmon echo", text.Bytes(uint64(len(m.Payload))), text.Bytes(maxPayload))
	}
	v, err := d.payloads.ToValue(m.Type, m.Payload)
	if err != nil {
		return nil, err
	}
	t := tree{}
	t.add("", "", 0, v)
	if also != "" && !slices.ContainsFunc(t.fields, func(f Field) bool { return f.Path == also }) {
		t.addAt(also, v)
	}
	return t.fields, nil
}

// Lies reports whether an error of Fields says that the bytes of a message are not of the type that its publisher announced.
func Lies(err error) bool { return errors.As(err, new(*serde.DecodeError)) }

type tree struct{ fields []Field }

// add appends a value and what is in it.
func (t *tree) add(path, name string, depth int, v any) {
	if len(t.fields) >= maxFields {
		if len(t.fields) == maxFields {
			t.fields = append(t.fields, Field{Name: "…", Depth: depth, Value: "more is left out"})
		}
		return
	}
	f := Field{Path: path, Name: name, Depth: depth}
	switch v := v.(type) {
	case map[string]any:
		t.object(f, v)
		return
	case []any:
		t.array(f, v)
		return
	}
	f.Leaf = true
	f.Value, f.Number, f.Numeric = leaf(v)
	t.fields = append(t.fields, f)
}

// addAt appends the single value at a path in v, if there is one.
func (t *tree) addAt(path string, v any) {
	p, err := text.ParsePath(path)
	if err != nil || text.Escape(path) != path {
		return
	}
	at, ok := p.In(v)
	if !ok {
		return
	}
	switch at.(type) {
	case map[string]any, []any:
		return
	}
	f := Field{Path: path, Name: path, Leaf: true}
	f.Value, f.Number, f.Numeric = leaf(at)
	t.fields = append(t.fields, f)
}

func (t *tree) object(f Field, v map[string]any) {
	f.Value = "{" + text.Many(len(v), "field") + "}"
	depth := f.Depth
	if f.Path != "" || len(v) == 0 { // the whole message needs no line of its own
		t.fields = append(t.fields, f)
		depth++
	}
	if depth > maxDepth {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		shown := text.Escape(cut(name))
		path := shown
		if f.Path != "" {
			path = f.Path + "." + shown
		}
		t.add(path, shown, depth, v[name])
	}
}

func (t *tree) array(f Field, v []any) {
	f.Value = "[" + text.Many(len(v), "element") + "]"
	t.fields = append(t.fields, f)
	if f.Depth > maxDepth {
		return
	}
	for i, e := range v {
		if i == maxElements {
			t.fields = append(t.fields, Field{Name: "…", Depth: f.Depth + 1, Value: fmt.Sprintf("%d more", len(v)-i)})
			return
		}
		name := "[" + strconv.Itoa(i) + "]"
		t.add(f.Path+name, name, f.Depth+1, e)
	}
}

// leaf writes a single value.
func leaf(v any) (s string, number float64, numeric bool) {
	switch v := v.(type) {
	case nil:
		return "null", 0, false
	case bool:
		if v {
			return "true", 1, true
		}
		return "false", 0, true
	case int64:
		return strconv.FormatInt(v, 10), float64(v), true
	case uint64:
		return strconv.FormatUint(v, 10), float64(v), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), v, true
	case string:
		return `"` + text.Escape(cut(v)) + `"`, 0, false
	case []byte:
		const shown = 48
		more := ""
		if len(v) > shown {
			more = "…"
		}
		return fmt.Sprintf("%s, %s%s", text.Bytes(uint64(len(v))), base64.StdEncoding.EncodeToString(v[:min(len(v), shown)]), more), 0, false
	}
	return text.Escape(cut(fmt.Sprint(v))), 0, false
}

func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	return s[:maxText] + "…"
}

// Values returns the values of the leaves by path, for the comparison with a later message.
func Values(fields []Field) map[string]string {
	values := make(map[string]string, len(fields))
	for _, f := range fields {
		if f.Leaf {
			values[f.Path] = f.Value
		}
	}
	return values
}
