package registry

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shmbus/shmbus/internal/shm"
)

// PolicyName is the name of the policy file of a domain, which says which users may publish and subscribe.
const PolicyName = "policy"

const (
	maxPolicy = 64 << 10 // bytes
	maxRules  = 1000
)

// A Policy says which users and groups may publish on which topics of a domain and subscribe to them. It is not changed after
// loading. The zero value allows everything that the mode of the directory allows.
type Policy struct {
	Path  string // empty: the domain has no policy
	Rules []Rule
}

// A Rule is a line of a policy. Of the rules of a kind the first whose pattern matches a topic decides.
type Rule struct {
	Line    int
	Kind    Kind // KindPublisher: it is about publishing; KindSubscription: about subscribing
	Pattern string
	Users   []int // users that may publish
	Groups  []int // groups whose members may publish, or the one group whose members may subscribe
}

func (r Rule) String() string {
	verb := "publish"
	if r.Kind == KindSubscription {
		verb = "subscribe"
	}
	allowed := ""
	for _, uid := range r.Users {
		allowed += fmt.Sprintf(" user:%d", uid)
	}
	for _, gid := range r.Groups {
		allowed += fmt.Sprintf(" group:%d", gid)
	}
	if allowed == "" {
		allowed = " nobody"
	}
	pattern := r.Pattern
	if strings.ContainsFunc(pattern, unicode.IsSpace) || strings.ContainsAny(pattern, `"#`) {
		pattern = strconv.Quote(pattern)
	}
	return verb + " " + pattern + allowed
}

// A PolicyError says what is wrong with a policy file. Join refuses a domain whose policy is not valid.
type PolicyError struct {
	Path   string
	Line   int    // 0: the error is about the file as a whole
	Text   string // text of the line
	What   string
	Remedy string
}

func (e *PolicyError) Error() string {
	s := "the policy " + e.Path
	if e.Line > 0 {
		s += fmt.Sprintf(", line %d (%.200q)", e.Line, e.Text)
	}
	return s + ": " + e.What + "; " + e.Remedy
}

// LoadPolicy reads the policy of the domain in dir. It refuses a policy that other users than root and the owner of the domain
// can have written or can remove. Without a file it returns the zero Policy.
func LoadPolicy(dir string) (*Policy, error) {
	path := filepath.Join(dir, PolicyName)
	const remedy = "have the owner of the domain, or root, make it a plain file that all users of the domain may read, or remove it"
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		what := fmt.Sprintf("it is a %s of %s", shm.SortOf(info.Mode()), userName(ownerOf(info)))
		return nil, &PolicyError{Path: path, What: what, Remedy: remedy}
	}
	f, err := shm.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return new(Policy), nil
	case errors.Is(err, fs.ErrPermission):
		err = explain("the policy cannot be read", dir, err)
		if access := (*AccessError)(nil); errors.As(err, &access) && access.Path != path {
			access.What = "the directory cannot be entered"
		}
		return nil, err
	case err != nil:
		return nil, &PolicyError{Path: path, What: "it cannot be read: " + err.Error(), Remedy: remedy}
	}
	defer f.Close()
	if err := checkPolicyFile(f, dir, path); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(io.NewSectionReader(f, 0, 1<<62), maxPolicy+1))
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	return ParsePolicy(path, text)
}

func checkPolicyFile(f *shm.File, dir, path string) error {
	own, err := f.Owner()
	if err != nil {
		return err
	}
	d, err := shm.OwnerOf(dir)
	if err != nil {
		return err
	}
	bad := func(what, remedy string) error { return &PolicyError{Path: path, What: what, Remedy: remedy} }
	switch {
	case own.UID != 0 && own.UID != d.UID:
		return bad(fmt.Sprintf("it belongs to %s, not to the owner of the domain, %s, or root", userName(own.UID), userName(d.UID)),
			"have the owner of the domain look at it and replace it")
	case own.Mode&0o022 != 0:
		return bad("others than its owner may write it (mode "+octal(own.Mode)+")", "chmod go-w it")
	case d.Mode&0o020 != 0 && d.Mode&fs.ModeSticky == 0:
		return bad("every member of the group may remove it (mode "+octal(d.Mode)+" of the directory)", "chmod +t "+dir)
	}
	return nil
}

// ParsePolicy parses a policy and looks up the names of users and groups. path appears in the errors, which are *PolicyError.
//
//	# a line that begins with a number sign is a comment
//	publish   PATTERN  user:NAME-OR-NUMBER... group:NAME-OR-NUMBER...
//	subscribe PATTERN  group:NAME-OR-NUMBER
//	publish   PATTERN  nobody
//
// A pattern with spaces stands in double quotes.
func ParsePolicy(path string, text []byte) (*Policy, error) {
	p := &Policy{Path: path}
	whole := func(what, remedy string) (*Policy, error) {
		return nil, &PolicyError{Path: path, What: what, Remedy: remedy}
	}
	switch {
	case len(text) > maxPolicy:
		return whole(fmt.Sprintf("it has more than %d bytes", maxPolicy), "use patterns to say it in fewer lines")
	case !utf8.Valid(text):
		return whole("it is not valid UTF-8", "write it as plain text")
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		rule, what, remedy := parseRule(line)
		if what == "" && len(p.Rules) == maxRules {
			what, remedy = fmt.Sprintf("it is more than %d rules", maxRules), "use patterns to say it in fewer lines"
		}
		if what != "" {
			return nil, &PolicyError{Path: path, Line: n, Text: line, What: what, Remedy: remedy}
		}
		rule.Line = n
		p.Rules = append(p.Rules, rule)
	}
	return p, nil
}

// parseRule returns what is wrong with a line, and the remedy.
func parseRule(line string) (r Rule, what, remedy string) {
	verb, rest := cutWord(line)
	switch verb {
	case "publish":
		r.Kind = KindPublisher
	case "subscribe":
		r.Kind = KindSubscription
	default:
		return r, fmt.Sprintf("%q is neither publish nor subscribe", verb), "begin the line with one of these, or with # for a comment"
	}
	if strings.HasPrefix(rest, `"`) {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return r, "the pattern has no closing quote", `write "the pattern"`
		}
		r.Pattern, _ = strconv.Unquote(quoted) // QuotedPrefix has checked it
		rest = strings.TrimSpace(rest[len(quoted):])
	} else {
		r.Pattern, rest = cutWord(rest)
	}
	if err := CheckPattern(r.Pattern); err != nil {
		return r, err.Error(), "write " + verb + " PATTERN USERS, for example: " + verb + " robot/** group:drivers"
	}
	words := strings.Fields(rest)
	if i := slices.IndexFunc(words, func(w string) bool { return w[0] == '#' }); i >= 0 {
		words = words[:i]
	}
	switch {
	case len(words) == 0:
		return r, "it does not say who may " + verb, "add user:NAME, group:NAME or nobody"
	case len(words) == 1 && words[0] == "nobody":
		return r, "", ""
	}
	for _, w := range words {
		if what, remedy = r.allow(w); what != "" {
			return r, what, remedy
		}
	}
	if r.Kind == KindSubscription && len(r.Groups) > 1 {
		return r, "it names several groups, and a file has one", "make one group of all users that may subscribe"
	}
	return r, "", ""
}

// allow adds one "user:" or "group:" to a rule.
func (r *Rule) allow(word string) (what, remedy string) {
	sort, name, _ := strings.Cut(word, ":")
	id, err := strconv.ParseUint(name, 10, 31)
	switch {
	case name == "" || sort != "user" && sort != "group":
		return fmt.Sprintf("%q names no user", word), "write user:NAME, group:NAME or, alone, nobody; numbers will do for names"
	case sort == "user" && r.Kind == KindSubscription:
		return "users cannot be told apart by the mode of a publisher's file, only its owner and one group",
			"make a group of the users that may subscribe, and write group:NAME"
	case err == nil:
	case sort == "user":
		u, lerr := user.Lookup(name)
		if lerr != nil {
			return "there is no user " + name + " here", "create that user, or write the number (user:1000)"
		}
		id, err = strconv.ParseUint(u.Uid, 10, 31)
	default:
		g, lerr := user.LookupGroup(name)
		if lerr != nil {
			return "there is no group " + name + " here", "create that group, or write the number (group:1000)"
		}
		id, err = strconv.ParseUint(g.Gid, 10, 31)
	}
	switch {
	case err != nil:
		return fmt.Sprintf("%q has no number that can be used", word), "write a number up to 2147483647"
	case sort == "user":
		r.Users = append(r.Users, int(id))
	default:
		r.Groups = append(r.Groups, int(id))
	}
	return "", ""
}

func cutWord(s string) (word, rest string) {
	i := strings.IndexFunc(s, unicode.IsSpace)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}
