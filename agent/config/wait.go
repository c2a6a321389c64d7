// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// Wait says how long a template waits for its secrets to settle before it is
// rendered again: for Min without a change, but no longer than Max. Zero is not
// to wait.
type Wait struct {
	Min, Max time.Duration
}

// readWait takes a block with min and max, or a string "min:max".
func readWait(s *scope) Wait {
	if s.value("wait").Kind == hclread.String {
		var w Wait
		get(s, "wait", asWait, &w)
		return w
	}
	b := s.lastBlock("wait")
	if b == nil {
		return Wait{}
	}
	var w Wait
	b.nanoseconds("min", &w.Min)
	hasMax := b.nanoseconds("max", &w.Max)
	enabled := w.Min != 0
	// consul-template's name for it, by mistake, which Vault Agent has kept.
	get(b, "bool", asBool, &enabled)
	b.refuse("enabled", "unknown key", `the key that turns it on or off is "bool"`)
	b.finish(LoadError)
	switch {
	case !enabled:
		return Wait{}
	case !hasMax:
		w.Max = 4 * w.Min
	case w.Max < w.Min:
		b.problem(Warning, "max", "is shorter than min, so that max alone counts", "")
		w.Min = w.Max
	}
	return w
}

func asWait(v hclread.Value) (Wait, error) {
	w, err := parseWait(v.Text)
	if err != nil {
		return Wait{}, &mismatch{err.Error() + ", in " + v.Describe(), `write "MIN:MAX", such as "2s:10s"`}
	}
	return w, nil
}

func parseWait(s string) (Wait, error) {
	shortest, longest, both := strings.Cut(strings.TrimSpace(s), ":")
	least, err := time.ParseDuration(strings.TrimSpace(shortest))
	if err != nil {
		return Wait{}, errors.New("the shortest wait is not a duration")
	}
	w := Wait{Min: least, Max: 4 * least}
	if both {
		if w.Max, err = time.ParseDuration(strings.TrimSpace(longest)); err != nil {
			return Wait{}, errors.New("the longest wait is not a duration")
		}
	}
	if w.Min < 0 || w.Max < w.Min {
		return Wait{}, errors.New("the longest wait is shorter than the shortest")
	}
	return w, nil
}

// nanoseconds reads a duration whose plain numbers are nanoseconds, and says so
// if there is one.
func (s *scope) nanoseconds(name string, to *time.Duration) bool {
	if !get(s, name, asNanoseconds, to) {
		return false
	}
	if v := s.value(name); v.Kind == hclread.Integer && v.Int != 0 {
		s.problem(Warning, name, "a number without a unit is nanoseconds: "+to.String(), `write "`+v.Text+`s" for seconds`)
	}
	return true
}
