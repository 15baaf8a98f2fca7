package record

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
)

// A Mapping describes a property of a recording that cannot be published unchanged, and its replacement.
type Mapping struct {
	Topic string `json:"topic"` // in the recording
	What  string `json:"what"`  // "topic", "type", "encoding", "schema encoding", "schema" or "metadata"
	From  string `json:"from"`  // value in the recording; for a schema or metadata its size
	To    string `json:"to"`    // published value; "" for what is left out
	Rule  string `json:"rule"`  // rule that the recorded value violates; "" = requested by Rename
}

// Byte limits for the texts of one publisher. Together with a topic name and metadata of full length they fit into its
// record. Longer texts are cut, the type first.
const (
	maxTypeTexts    = 1700 // type name, encoding and schema encoding together
	maxTypeName     = 1024
	maxEncodingName = 255
)

// fitTopic returns a valid topic name similar to name. Invalid characters become '_' and empty segments are removed. A name
// that is too long is cut and gets a hash of the whole name, so that names with the same beginning stay distinct.
func fitTopic(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '*' || r == '?' {
			return '_'
		}
		return r
	}, plain(name))
	segments := strings.FieldsFunc(clean, func(r rune) bool { return r == '/' })
	fit := strings.Join(segments, "/")
	if fit == "" {
		fit = "_"
	}
	if strings.HasPrefix(clean, "/") {
		fit = "/" + fit
	}
	if len(fit) > registry.MaxName {
		return withHash(fit, name, registry.MaxName)
	}
	return fit
}

// plain replaces invalid UTF-8 and control characters.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(s, "_"))
}

func isPlain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// withHash appends a hash of original to s. s is cut so that the result has at most limit bytes.
func withHash(s, original string, limit int) string {
	sum := sha256.Sum256([]byte(original))
	suffix := fmt.Sprintf("_%x", sum[:4])
	return strings.TrimRight(cutText(s, limit-len(suffix)), "/") + suffix
}

// cutText returns at most n bytes from the beginning of s without splitting a character.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// fitType returns a type that can be announced. It calls changed for each text that differs from the recorded one. Changed
// texts get a hash of the original, so that different types stay different.
func fitType(t serde.Type, changed func(what, from, to, rule string)) serde.Type {
	long := len(t.Name)+len(t.Encoding)+len(t.SchemaEncoding) > maxTypeTexts
	fit := func(what string, s *string, limit int) {
		from := *s
		switch {
		case !isPlain(from):
			*s = withHash(plain(from), from, limit)
			changed(what, from, *s, "it must be valid UTF-8 without control characters")
		case long && len(from) > limit:
			*s = withHash(from, from, limit)
			changed(what, from, *s, fmt.Sprintf("type, encoding and schema encoding must have at most %d bytes together", maxTypeTexts))
		}
	}
	fit("type", &t.Name, maxTypeName)
	fit("encoding", &t.Encoding, maxEncodingName)
	fit("schema encoding", &t.SchemaEncoding, maxEncodingName)
	return t
}

// A nameMap assigns each topic of a recording the name under which it is played. Names are unique.
type nameMap struct {
	names map[string]string // recorded -> played
	taken map[string]string // played -> recorded, quoted
}

// mapNames assigns the names: first of the topics to be renamed, then of those with valid names, then of the rest. The prefix is put before
// names that are not renamed.
func mapNames(topics []string, rename map[string]string, prefix string) (*nameMap, error) {
	m := &nameMap{names: make(map[string]string), taken: make(map[string]string)}
	for _, topic := range topics {
		if to, ok := rename[topic]; ok {
			if err := m.set(topic, to); err != nil {
				return nil, err
			}
		}
	}
	for from := range rename {
		if m.names[from] == "" {
			return nil, fmt.Errorf("rename %q: there is no message on such a topic that is to be played", from)
		}
	}
	var rest []string
	for _, topic := range topics {
		switch {
		case m.names[topic] != "":
		case registry.CheckTopic(prefixed(prefix, topic)) != nil:
			rest = append(rest, topic)
		default:
			if err := m.set(topic, prefixed(prefix, topic)); err != nil {
				return nil, err
			}
		}
	}
	for _, topic := range rest {
		fit := fitTopic(prefixed(prefix, topic))
		for n := 0; m.taken[fit] != ""; n++ {
			fit = withHash(fitTopic(prefixed(prefix, topic)), fmt.Sprint(topic, n), registry.MaxName)
		}
		m.names[topic], m.taken[fit] = fit, quote(topic)
	}
	return m, nil
}

// prefixed puts a prefix before a topic, without a second '/' between them.
func prefixed(prefix, topic string) string {
	if strings.HasSuffix(prefix, "/") {
		topic = strings.TrimPrefix(topic, "/")
	}
	return prefix + topic
}

func (m *nameMap) set(from, to string) error {
	if other := m.taken[to]; other != "" {
		return fmt.Errorf("topics %s and %s would both be played as %q; choose another name, or leave one of them out", quote(from), other, to)
	}
	m.names[from], m.taken[to] = to, quote(from)
	return nil
}

// quote formats a topic for errors. Unlike the topic itself the result is never empty.
func quote(topic string) string { return fmt.Sprintf("%.300q", topic) }
