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
	Key     string // tells it from all others of its message; the same in each message
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
	t.add(Field{Key: whole}, v)
	if key := KeyOf(also); key != "" && !slices.ContainsFunc(t.fields, func(f Field) bool { return f.Key == key }) {
		t.addAt(also, v)
	}
	return t.fields, nil
}

// whole is the key of the whole message. Other keys are the steps from there; a name is quoted, as it may have points and brackets.
const whole = "$"

func keyOfMember(of, name string) string       { return of + "." + strconv.Quote(name) }
func keyOfElement(of string, index int) string { return of + "[" + strconv.Itoa(index) + "]" }

// KeyOf returns the key of the field at a path, "" for what is no path. The whole message has the empty path.
func KeyOf(path string) string {
	key := whole
	if path == "" {
		return key
	}
	p, err := text.ParsePath(path)
	if err != nil {
		return ""
	}
	for name, index := range p.Steps() {
		if index < 0 {
			key = keyOfMember(key, name)
		} else {
			key = keyOfElement(key, index)
		}
	}
	return key
}

// Lies reports whether an error of Fields says that the bytes of a message are not of the type that its publisher announced.
func Lies(err error) bool { return errors.As(err, new(*serde.DecodeError)) }

type tree struct{ fields []Field }

// add appends a value and what is in it.
func (t *tree) add(f Field, v any) {
	if len(t.fields) >= maxFields {
		if len(t.fields) == maxFields {
			t.fields = append(t.fields, Field{Key: "…", Name: "…", Depth: f.Depth, Value: "more is left out"})
		}
		return
	}
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
	f := Field{Key: KeyOf(path), Path: path, Name: path, Leaf: true}
	f.Value, f.Number, f.Numeric = leaf(at)
	t.fields = append(t.fields, f)
}

func (t *tree) object(f Field, v map[string]any) {
	f.Value = "{" + text.Many(len(v), "field") + "}"
	depth := f.Depth
	if f.Key != whole || len(v) == 0 { // the whole message needs no line of its own
		t.fields = append(t.fields, f)
		depth++
	}
	if depth > maxDepth {
		return
	}
	for i, name := range slices.Sorted(maps.Keys(v)) {
		shown, known := text.Escape(cut(name)), cut(name)
		if known != name { // others may begin so
			known += strconv.Itoa(i)
		}
		t.add(Field{Key: keyOfMember(f.Key, known), Path: text.Member(f.Path, cut(name)), Name: shown, Depth: depth}, v[name])
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
			t.fields = append(t.fields, Field{Key: f.Key + "…", Name: "…", Depth: f.Depth + 1, Value: fmt.Sprintf("%d more", len(v)-i)})
			return
		}
		name := "[" + strconv.Itoa(i) + "]"
		t.add(Field{Key: keyOfElement(f.Key, i), Path: f.Path + name, Name: name, Depth: f.Depth + 1}, e)
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

// Values returns the values of the leaves by key, for the comparison with a later message.
func Values(fields []Field) map[string]string {
	values := make(map[string]string, len(fields))
	for _, f := range fields {
		if f.Leaf {
			values[f.Key] = f.Value
		}
	}
	return values
}
