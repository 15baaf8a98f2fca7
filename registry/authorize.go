package registry

import (
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/internal/shm"
)

// A ForbiddenError says that the policy of the domain forbids a user or group to publish on a topic or subscribe to it.
type ForbiddenError struct {
	Topic  string
	Kind   Kind // KindPublisher: publishing is forbidden; KindSubscription: subscribing
	User   string
	Policy string // path of the file
	Rule   Rule   // the line that decides
	Reason string // more about the cause, or empty
	Remedy string
	Err    error // the kernel's answer, or nil
}

func (e *ForbiddenError) Error() string {
	verb := "publish on"
	if e.Kind == KindSubscription {
		verb = "subscribe to"
	}
	s := fmt.Sprintf("%s may not %s %q: %s, line %d, says %q", e.User, verb, e.Topic, e.Policy, e.Rule.Line, e.Rule)
	if e.Reason != "" {
		s += ", " + e.Reason
	}
	return s + "; " + e.Remedy
}

func (e *ForbiddenError) Unwrap() error { return e.Err }

// RuleFor returns the rule that decides about publishing on a topic, or subscribing to it. Wildcards of rules stand for all names, also those
// that begin with '$'. Without a rule the mode of the
// directory alone decides.
func (p *Policy) RuleFor(kind Kind, topic string) (Rule, bool) {
	for _, r := range p.Rules {
		if r.Kind == kind && matchAll(r.Pattern, topic) {
			return r, true
		}
	}
	return Rule{}, false
}

// allows reports whether a rule allows a user with these groups.
func (r Rule) allows(uid int, groups []int) bool {
	return slices.Contains(r.Users, uid) || slices.ContainsFunc(groups, func(gid int) bool { return slices.Contains(r.Groups, gid) })
}

// AuthorizePublish returns a *ForbiddenError when the policy does not let a participant publish on a topic. User and groups of
// the participant come from the kernel: the user is the owner of its file, and the groups are those of its process, which must
// be visible from here unless the rule names the user.
func (p *Policy) AuthorizePublish(from Participant, topic string) error {
	r, ok := p.RuleFor(KindPublisher, topic)
	if !ok || r.allows(from.UID, nil) {
		return nil
	}
	e := &ForbiddenError{Topic: topic, Kind: KindPublisher, User: userName(from.UID), Policy: p.Path, Rule: r,
		Remedy: "add user:NAME to that line or run the publisher as another user"}
	if len(r.Groups) == 0 {
		return e
	}
	as, err := process.CredentialsOf(from.PID, from.StartTime)
	switch {
	case err != nil:
		e.Err, e.Reason, e.Remedy = err, "and its groups cannot be asked for ("+err.Error()+")",
			"name users for publishers whose process is not to be seen by subscribers, as in other pid namespaces"
	case as.UID != from.UID:
		e.Reason = "and the process that it says it is acts as " + userName(as.UID)
	case r.allows(as.UID, as.Groups):
		return nil
	default:
		e.Reason = "and its process has" + groupNames(as.Groups)[1:]
		e.Remedy = "have the user put into one of these groups and start the publisher anew, or add user:NAME to that line"
	}
	return e
}

// CheckPublisher returns a *ForbiddenError when a publisher of the domain in dir violates the policy. Either AuthorizePublish
// forbids it, or its file can be read by others than the rule for subscriptions names, for example because the publisher is
// older than the policy.
func (p *Policy) CheckPublisher(dir string, from Participant, e Endpoint) error {
	if err := p.AuthorizePublish(from, e.Topic); err != nil {
		return err
	}
	r, ok := p.RuleFor(KindSubscription, e.Topic)
	if !ok {
		return nil
	}
	own, err := shm.OwnerOf(filePath(dir, e.ID.Participant, publisherSuffix(e.ID.Number)))
	if err != nil || own.Mode.Perm()&0o077 == 0 || own.Mode.Perm()&0o037 == 0 && slices.Contains(r.Groups, own.GID) {
		return nil // the publisher is gone, or its file is closed enough
	}
	return &ForbiddenError{Topic: e.Topic, Kind: KindSubscription, User: "members of " + groupName(own.GID), Policy: p.Path, Rule: r,
		Reason: fmt.Sprintf("but can: the publisher's file has mode %s", octal(own.Mode)), Remedy: "start the publisher anew"}
}

// Policy returns the policy of the domain as it was when this process joined.
func (r *Registry) Policy() *Policy { return r.policy }

// PublisherFile returns the mode and group that the file of a publisher must have, so that the kernel lets exactly the users
// read it that may subscribe to its topic. Group 0 means the group of the other files. It returns a *ForbiddenError when this
// process may not publish on the topic: all subscribers would refuse the publisher.
func (r *Registry) PublisherFile(topic string) (mode fs.FileMode, group int, err error) {
	if rule, ok := r.policy.RuleFor(KindPublisher, topic); ok && !rule.allows(os.Geteuid(), ownGroups()) {
		return 0, 0, &ForbiddenError{Topic: topic, Kind: KindPublisher, User: userName(os.Geteuid()) + groupNames(ownGroups()),
			Policy: r.policy.Path, Rule: rule,
			Remedy: "run as one of these, have the user put into one of these groups and start anew, or have that line changed"}
	}
	rule, ok := r.policy.RuleFor(KindSubscription, topic)
	switch {
	case !ok:
		return r.modes.Read, 0, nil
	case len(rule.Groups) == 0 || rule.Groups[0] == 0:
		return 0o600, 0, nil // root reads it whatever its mode
	case os.Geteuid() != 0 && !slices.Contains(ownGroups(), rule.Groups[0]):
		return 0, 0, &ForbiddenError{Topic: topic, Kind: KindPublisher, User: userName(os.Geteuid()) + groupNames(ownGroups()),
			Policy: r.policy.Path, Rule: rule,
			Reason: "and only a member can give files to " + groupName(rule.Groups[0]),
			Remedy: "have the publisher's user put into the group of the users that may subscribe, and start it anew"}
	}
	return 0o640, rule.Groups[0], nil
}

// ExplainOpen turns the kernel's refusal to open the file of a publisher into a *ForbiddenError if a line of the policy is the
// cause, and otherwise into an *AccessError. It returns all other errors unchanged.
func (r *Registry) ExplainOpen(topic string, err error) error {
	err = explain(fmt.Sprintf("the publisher of %q cannot be read", topic), r.dir, err)
	access, refused := err.(*AccessError)
	rule, ok := r.policy.RuleFor(KindSubscription, topic)
	if !refused || !ok {
		return err
	}
	remedy := "have that line changed"
	if len(rule.Groups) != 0 {
		remedy = "have this user put into that group and start the program anew, or " + remedy
	}
	return &ForbiddenError{Topic: topic, Kind: KindSubscription, User: userName(access.User) + groupNames(access.Groups),
		Policy: r.policy.Path, Rule: rule,
		Reason: fmt.Sprintf("so the file has mode %s and belongs to %s, %s", octal(access.Mode), userName(access.UID), groupName(access.GID)),
		Remedy: remedy, Err: err}
}
