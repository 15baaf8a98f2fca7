package record

import (
	"regexp"
	"slices"
)

// wants reports whether a topic is to be recorded. The type is not known yet.
func (o *RecordOptions) wants(topic string) bool {
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
