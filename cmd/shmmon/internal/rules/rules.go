// Package rules compares views of a domain with thresholds and says what is out of bounds.
//
// Rules come from a small TOML file, from flags, or are the defaults. A Monitor holds them against one View after the other, so
// that losses are those between two views. The package prints nothing and reads no clock: the check command and the live screen use it
// alike.
package rules

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/shmbus/shmbus/registry"
)

// Rules are the thresholds for a domain. The zero value checks nothing.
type Rules struct {
	Domain Domain  `toml:"domain"`
	Topics []Topic `toml:"topic"` // all that match a topic hold for it
}

// A Domain has the thresholds for the domain as a whole.
type Domain struct {
	MinFree float64 `toml:"min_free"` // percent of the file system; 0 = any
	Dead    bool    `toml:"dead"`     // dead processes are an alert, those whose files are removed for a minute
	Stopped bool    `toml:"stopped"`  // processes stopped by a signal or debugger are an alert
}

// A Topic has the thresholds for the topics that a pattern matches. Those that are zero or nil are not checked.
type Topic struct {
	Name        string   `toml:"name"`        // or a pattern
	Required    bool     `toml:"required"`    // at least one topic that matches has a publisher
	Stale       bool     `toml:"stale"`       // messages used to come and do not any more
	Mismatch    bool     `toml:"mismatch"`    // a subscription expects another type
	Undecodable bool     `toml:"undecodable"` // messages are not of the announced type
	MinRate     float64  `toml:"min_rate"`    // messages per second
	MaxRate     float64  `toml:"max_rate"`
	MaxAge      Duration `toml:"max_age"`     // of the newest message
	MaxLatency  Duration `toml:"max_latency"` // 99th percentile from publish to take
	MaxLost     *int64   `toml:"max_lost"`    // messages of one subscription between two views
	MaxLag      *int64   `toml:"max_lag"`     // messages that a subscription has not taken
}

// A Duration is a time.Duration that is text such as "1.5s" in a file.
type Duration time.Duration

// UnmarshalText parses a duration as time.ParseDuration does.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%.100q is no duration such as \"1.5s\" or \"200ms\"", b)
	}
	*d = Duration(v)
	return nil
}

// Default returns the rules that hold without a file: what is certainly wrong in any domain.
func Default() *Rules {
	none := int64(0)
	return &Rules{
		Domain: Domain{MinFree: 10, Dead: true, Stopped: true},
		Topics: []Topic{{Name: "**", Stale: true, Mismatch: true, Undecodable: true, MaxLost: &none}},
	}
}

// Limits of a file.
const (
	maxFile   = 1 << 20 // bytes
	maxTopics = 1000
)

// Load reads rules from a file. Unknown names in it are an error.
func Load(path string) (*Rules, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the rules: %w", err)
	case len(b) > maxFile:
		return nil, fmt.Errorf("read the rules: %s has more than 1 MiB", path)
	}
	r, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("read the rules in %s: %w", path, err)
	}
	return r, nil
}

// Parse parses the content of a file.
func Parse(text []byte) (*Rules, error) {
	var r Rules
	meta, err := toml.Decode(string(text), &r)
	if err != nil {
		return nil, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("there is no rule %.100q; there are [domain] with min_free, dead, stopped, and [[topic]] with name, required, "+
			"stale, mismatch, undecodable, min_rate, max_rate, max_age, max_latency, max_lost, max_lag", unknown[0].String())
	}
	if r.Domain == (Domain{}) && len(r.Topics) == 0 {
		return nil, errors.New("there is no rule, so nothing would be checked")
	}
	return &r, r.Check()
}

// Check returns an error that names the first rule that cannot be meant.
func (r *Rules) Check() error {
	if f := r.Domain.MinFree; !(f >= 0 && f <= 100) {
		return fmt.Errorf("min_free %v is not a percentage from 0 to 100", f)
	}
	if len(r.Topics) > maxTopics {
		return fmt.Errorf("there are %d rules for topics, more than %d; a pattern stands for many topics", len(r.Topics), maxTopics)
	}
	for i, t := range r.Topics {
		if err := t.check(); err != nil {
			return fmt.Errorf("rule %d for topics, of %.300q: %w", i+1, t.Name, err)
		}
	}
	return nil
}

func (t *Topic) check() error {
	if t.Name == "" {
		return errors.New("its name, or pattern such as \"robot/**\", is missing")
	}
	if err := registry.CheckPattern(t.Name); err != nil {
		return err
	}
	switch finite := func(v float64) bool { return v >= 0 && !math.IsInf(v, 1) }; {
	case !finite(t.MinRate):
		return fmt.Errorf("min_rate %v is no number of messages per second", t.MinRate)
	case !finite(t.MaxRate):
		return fmt.Errorf("max_rate %v is no number of messages per second", t.MaxRate)
	case t.MaxRate > 0 && t.MinRate > t.MaxRate:
		return fmt.Errorf("min_rate %v is above max_rate %v", t.MinRate, t.MaxRate)
	case t.MaxAge < 0:
		return fmt.Errorf("max_age %v is negative", time.Duration(t.MaxAge))
	case t.MaxLatency < 0:
		return fmt.Errorf("max_latency %v is negative", time.Duration(t.MaxLatency))
	case t.MaxLost != nil && *t.MaxLost < 0:
		return fmt.Errorf("max_lost %d is negative", *t.MaxLost)
	case t.MaxLag != nil && *t.MaxLag < 0:
		return fmt.Errorf("max_lag %d is negative", *t.MaxLag)
	case *t == Topic{Name: t.Name}:
		return errors.New("it checks nothing; give it a threshold such as max_age = \"2s\"")
	}
	return nil
}
