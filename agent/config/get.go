// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// get reads a key into to and reports whether it is present and valid.
// Otherwise it leaves to unchanged, so that to can hold the default.
func get[T any](s *scope, name string, convert func(hclread.Value) (T, error), to *T) bool {
	return getAs(s, LoadError, name, convert, to)
}

// getAs is get for a key whose mistakes are of another kind than LoadError.
func getAs[T any](s *scope, kind Kind, name string, convert func(hclread.Value) (T, error), to *T) bool {
	s.accept(name)
	v := s.value(name)
	if v.Kind == hclread.Absent {
		return false
	}
	converted, err := convert(v)
	if err != nil {
		s.invalid = append(s.invalid, name)
		s.problem(kind, name, err.Error(), hintOf(err))
		return false
	}
	*to = converted
	return true
}

// getPositive reads a value that must be more than 0.
func getPositive[T cmp.Ordered](s *scope, name string, convert func(hclread.Value) (T, error), to *T) bool {
	var read, zero T
	if !get(s, name, convert, &read) {
		return false
	}
	if read <= zero {
		s.invalid = append(s.invalid, name)
		s.problem(LoadError, name, "must be more than 0", "remove it to use the default")
		return false
	}
	*to = read
	return true
}

// getPeriod reads an interval, which must be more than 0.
func getPeriod(s *scope, name string, to *time.Duration) {
	if getAs(s, StartError, name, asSeconds, to) && *to <= 0 {
		s.problem(StartError, name, "must be longer than 0", "")
	}
}

// getNanoseconds reads a duration. A number without a unit is in nanoseconds,
// as in Vault Agent, and gets a warning.
func getNanoseconds(s *scope, name string, to *time.Duration) bool {
	if !get(s, name, asNanoseconds, to) {
		return false
	}
	if v := s.value(name); v.Kind == hclread.Integer && v.Int != 0 {
		s.problem(Warning, name, "a number without a unit is in nanoseconds: "+to.String(), `write "`+v.Text+`s" for seconds`)
	}
	return true
}

// requireString reads a string that must be present and not empty. Mistakes are
// start errors, as are those of getPeriod and optionalString.
func requireString(s *scope, name string, to *string) {
	switch {
	case !s.has(name):
		s.accept(name)
		s.problem(StartError, name, "is missing", "")
	case getAs(s, StartError, name, asString, to) && *to == "":
		s.problem(StartError, name, "is empty", "")
	}
}

// optionalString reads a string that may be absent.
func optionalString(s *scope, name string, to *string) bool {
	return getAs(s, StartError, name, asString, to)
}

// readWord reads a string that must be one of words. Otherwise it leaves to
// unchanged.
func readWord[T ~string](s *scope, name string, to *T, words ...T) {
	get(s, name, func(v hclread.Value) (T, error) {
		hint := "write " + eitherOf(words)
		word, err := asString(v)
		if err != nil {
			return "", &valueError{err.Error(), hint}
		}
		if !slices.Contains(words, T(word)) {
			return "", &valueError{"unknown value " + v.Describe(), hint}
		}
		return T(word), nil
	}, to)
}

// checkWord checks a string that must be one of words, the first of which is empty;
// its value is not used.
func checkWord(s *scope, kind Kind, name string, words ...string) {
	var word string
	if !get(s, name, asText, &word) {
		return
	}
	if slices.Contains(words, word) {
		return
	}
	s.problem(kind, name, "unknown value "+s.value(name).Describe(), "write "+strings.Join(words[1:], " or "))
}

// eitherOf returns words as a hint lists them: "a", "b" or "c".
func eitherOf[T ~string](words []T) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = strconv.Quote(string(word))
	}
	last := len(quoted) - 1
	if last < 1 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// refuse reports a key, if it is present, that people know from other programs.
func (s *scope) refuse(name, message, hint string) {
	if len(s.find(name)) == 0 {
		return
	}
	s.accept(name)
	s.problem(LoadError, name, message, hint)
}

// plainNames matches names that need no quoting in file names, on the command
// line or in metrics.
var plainNames = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// checkName reports a label that is not a valid name.
func (s *scope) checkName(kind Kind, name, of string) {
	if !plainNames.MatchString(name) {
		s.problem(kind, "", strconv.Quote(name)+" is not a valid name for "+of,
			"use up to 64 letters, digits, dots, dashes and underscores")
	}
}

// readCommand reads a command as Vault Agent does and returns the program and
// its arguments, see runnable. A string is split at its commas, which surprises
// people and gets a warning.
func readCommand(s *scope, name string) []string {
	var command []string
	if !get(s, name, asListOrCommas, &command) {
		return nil
	}
	v := s.value(name)
	if v.Kind == hclread.String && len(command) > 1 {
		s.problem(Warning, name,
			fmt.Sprintf("the string is split at its commas into %d arguments and runs without a shell", len(command)),
			shellHint(v))
	}
	return s.runnable(name, command)
}

// runnable returns the program and its arguments for a command, which every key
// that has a command follows: a single argument that contains white space is a
// script for a shell, as in Vault Agent. It returns nil for an empty command.
func (s *scope) runnable(name string, command []string) []string {
	if len(command) == 0 || len(command) == 1 && command[0] == "" {
		return nil
	}
	if strings.TrimSpace(command[0]) == "" {
		s.problem(StartError, name, "the program's name is empty", "")
		return nil
	}
	if len(command) == 1 && len(strings.Fields(command[0])) > 1 {
		return []string{"sh", "-c", command[0]}
	}
	return command
}

func shellHint(v hclread.Value) string {
	if v.Computed || len(v.Text) > 60 {
		return `write it as a list: ["sh", "-c", "…"]`
	}
	return `write it as a list: ["sh", "-c", ` + strconv.Quote(v.Text) + `]`
}
