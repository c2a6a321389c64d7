// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package acceptance holds the tests that run against the dev server and
// against a real Vault alike.
//
// The scripts in testdata are conversations: requests, each followed by the
// answer that a real Vault gave, with what differs from run to run replaced by
// placeholders. The real Vault must still answer so, and the dev server must
// answer the same. To add to one, write the requests and run, with a real Vault,
//
//	go test ./acceptance -run Conversations -update
package acceptance
