// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"fmt"
	"net/http"
	"strings"
)

// Error is an answer that is an error. Vault prints some of its errors as they
// are and some through a list, "1 error occurred:"; clients see the difference,
// so it is kept.
type Error struct {
	Status   int
	Messages []string // none prints "errors":[]
}

func (e *Error) Error() string {
	if len(e.Messages) == 0 {
		return http.StatusText(e.Status)
	}
	return strings.Join(e.Messages, "; ")
}

// BadRequest is a 400 with one message.
func BadRequest(format string, args ...any) error {
	return &Error{http.StatusBadRequest, []string{fmt.Sprintf(format, args...)}}
}

// Internal is a 500 with one message.
func Internal(format string, args ...any) error {
	return &Error{http.StatusInternalServerError, []string{fmt.Sprintf(format, args...)}}
}

// Errorf is an error of any status with one message.
func Errorf(status int, format string, args ...any) error {
	return &Error{status, []string{fmt.Sprintf(format, args...)}}
}

// Listed is an error whose messages Vault prints as a list.
func Listed(status int, messages ...string) error {
	var b strings.Builder
	if len(messages) == 1 {
		b.WriteString("1 error occurred:")
	} else {
		fmt.Fprintf(&b, "%d errors occurred:", len(messages))
	}
	for _, m := range messages {
		b.WriteString("\n\t* " + m)
	}
	b.WriteString("\n\n")
	return &Error{status, []string{b.String()}}
}

// ErrDenied is what a token without the capability is told.
var ErrDenied = Listed(http.StatusForbidden, "permission denied")
