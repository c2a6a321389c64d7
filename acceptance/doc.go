// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package acceptance contains the tests that run against both the dev server and
// a real Vault.
//
// The scripts in testdata are conversations: requests, each followed by the answer
// of a real Vault. Placeholders replace values that differ between runs. The real
// Vault must still give these answers, and the dev server must give the same. To
// extend a script, write the requests and run, with a real Vault,
//
//	go test ./acceptance -run Conversations -update
package acceptance
