package record

import (
	"regexp"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/service"
)

// wants reports whether a topic is to be recorded. The type is not known yet. Topics of services are selected by the name of the service.
func (o *RecordOptions) wants(topic string) bool {
	if name, _, ok := callTopic(topic); ok {
		return !o.NoServices && o.wantsName(name)
	}
	return !strings.HasPrefix(topic, "$") && o.wantsName(topic)
}

// patterns are those of the topics that are received besides "**".
func (o *RecordOptions) patterns() []string {
	if o.NoServices {
		return nil
	}
	return []string{service.Prefix + "**"}
}

func (o *RecordOptions) wantsName(topic string) bool {
	if matches(o.Exclude, topic) {
		return false
	}
	if len(o.Topics) == 0 && o.Include == nil {
		return true
	}
	return slices.Contains(o.Topics, topic) || matches(o.Include, topic)
}

// wantsType reports whether messages of a type are to be recorded.
func (o *RecordOptions) wantsType(name string) bool {
	return (o.IncludeTypes == nil || o.IncludeTypes.MatchString(name)) && !matches(o.ExcludeTypes, name)
}

func matches(re *regexp.Regexp, text string) bool { return re != nil && re.MatchString(text) }
