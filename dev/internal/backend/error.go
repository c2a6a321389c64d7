// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"fmt"
	"net/http"
	"strings"
)

// Error is an error answer. Vault formats some of its errors as a list, "1 error
// occurred:", and others as plain text. Clients see the difference.
type Error struct {
	Status   int
	Messages []string // empty: "errors":[]
}

func (e *Error) Error() string {
	if len(e.Messages) == 0 {
		return http.StatusText(e.Status)
	}
	return strings.Join(e.Messages, "; ")
}

// BadRequest returns a 400 with one message.
func BadRequest(format string, args ...any) error {
	return &Error{http.StatusBadRequest, []string{fmt.Sprintf(format, args...)}}
}

// Internal returns a 500 with one message.
func Internal(format string, args ...any) error {
	return &Error{http.StatusInternalServerError, []string{fmt.Sprintf(format, args...)}}
}

// Errorf returns an error with a status and one message.
func Errorf(status int, format string, args ...any) error {
	return &Error{status, []string{fmt.Sprintf(format, args...)}}
}

// Listed returns an error whose messages are formatted as a list.
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

// ErrDenied is the answer to a token without the required capability.
var ErrDenied = Listed(http.StatusForbidden, "permission denied")
