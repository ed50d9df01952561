package blob

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	azblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// azureUpload is a blob on its way: blocks that are staged, and then listed.
type azureUpload struct {
	ctx    context.Context // of Create
	blob   *blockblob.Client
	stamp  stamp
	parts  parts
	blocks []string // ids, in order
}

// Write keeps bytes until they fill a block.
func (u *azureUpload) Write(p []byte) (int, error) { return u.parts.Write(p) }

// send stages a block. Its id holds the upload's, so that two uploads of one
// key do not mix; all ids of a blob must be of the same length. The hash finds
// damage on the way.
func (u *azureUpload) send(n int, part []byte) error {
	id := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s-%05d", u.stamp.upload, n))
	sum := md5.Sum(part)
	_, err := u.blob.StageBlock(u.ctx, id, streaming.NopCloser(bytes.NewReader(part)),
		&blockblob.StageBlockOptions{TransactionalValidation: azblob.TransferValidationTypeMD5(sum[:])})
	u.blocks = append(u.blocks, id)
	return azureFault("upload block", err)
}

// Commit stages the last block and lists them all.
func (u *azureUpload) Commit(ctx context.Context) error {
	err := u.parts.err
	if err == nil && len(u.parts.rest) > 0 {
		err = u.parts.flush()
	}
	if err == nil {
		err = settle(ctx, u, u.stamp)
	}
	u.Abort()
	return err
}

// put makes the blob visible.
func (u *azureUpload) put(ctx context.Context, version string) error {
	var when azblob.ModifiedAccessConditions
	tag := azcore.ETag(version)
	if version == "" {
		none := azcore.ETagAny
		when.IfNoneMatch = &none
	} else {
		when.IfMatch = &tag
	}
	_, err := u.blob.CommitBlockList(ctx, u.blocks, &blockblob.CommitBlockListOptions{
		Metadata:         azureMetadata(u.stamp),
		AccessConditions: &azblob.AccessConditions{ModifiedAccessConditions: &when},
	})
	return azureFault("complete upload", err)
}

// look asks for the metadata of what has the key.
func (u *azureUpload) look(ctx context.Context) (found, error) {
	out, err := u.blob.GetProperties(ctx, nil)
	if azureAnswer(err).status == 404 {
		return found{}, nil
	}
	if err != nil || out.ETag == nil {
		return found{}, azureFault("look at object", err)
	}
	there := found{version: string(*out.ETag)}
	for name, value := range out.Metadata { // the headers of HTTP have lost the case of the names
		switch {
		case value == nil:
		case strings.EqualFold(name, azureOwnerKey):
			there.owner = *value
		case strings.EqualFold(name, azureUploadKey):
			there.stamp.upload = *value
		}
	}
	return there, nil
}

// Abort forgets the blocks; uncommitted ones are invisible and expire.
func (u *azureUpload) Abort() error {
	u.parts = parts{err: errEnded}
	return nil
}
