// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "policy/base/source_file.h"
#include "tests/unit/temporary.h"

namespace pm {
namespace {

using test::TemporaryFolder;

std::string cause(const std::filesystem::path &path, std::size_t limit = policy_size_limit) {
    const auto file = read_source(path, path.filename(), limit);
    return file ? "" : file.error().cause;
}

TEST(Source, ReadsWhatIsThere) {
    const TemporaryFolder folder;
    const auto path = folder.write("policy.yaml", std::string("a\0b\n", 4));
    std::filesystem::create_symlink(path, folder.path() / "link.yaml");
    const auto file = read_source(folder.path() / "link.yaml", "link.yaml", policy_size_limit);
    ASSERT_TRUE(file) << file.error().cause;
    EXPECT_EQ((*file)->text, std::string("a\0b\n", 4));
    EXPECT_EQ((*file)->name, "link.yaml");
    EXPECT_EQ((*file)->path, std::filesystem::canonical(path));
}

TEST(Source, TakesFilesOnly) {
    const TemporaryFolder folder;
    ASSERT_EQ(mkfifo((folder.path() / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(cause(folder.path()), "it is a directory, not a file");
    EXPECT_EQ(cause(folder.path() / "pipe"), "it is a named pipe, not a file");
    EXPECT_EQ(cause("/dev/zero"), "it is a device, not a file");
    EXPECT_EQ(cause(folder.path() / "none"), "no such file or directory (ENOENT)");
    EXPECT_TRUE(read_source(folder.path() / "none", "none", 1).error().missing);
    EXPECT_FALSE(read_source(folder.path(), "folder", 1).error().missing);
}

TEST(Source, RefusesWhatOthersMayWrite) {
    const TemporaryFolder folder;
    const auto path = folder.write("policy.yaml", "a");
    ASSERT_EQ(chmod(path.c_str(), 0666), 0);
    const auto file = read_source(path, "policy.yaml", policy_size_limit);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().cause, "everybody may write to it (mode 0666)");
    EXPECT_EQ(file.error().hint, "look at what it says, then 'chmod o-w policy.yaml'");
    ASSERT_EQ(chmod(path.c_str(), 0664), 0);
    EXPECT_EQ(cause(path), "");
}

TEST(Source, RefusesWhatIsNeitherRootsNorTheCallers) {
    if (geteuid() != 0) return;  // only root can give a file away
    const TemporaryFolder folder;
    const auto path = folder.write("policy.yaml", "a");
    ASSERT_EQ(chown(path.c_str(), 12345, 0), 0);
    unsetenv("SUDO_UID");
    const auto file = read_source(path, "policy.yaml", policy_size_limit);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().cause, "it belongs to user 12345, neither to root nor to the caller");
    EXPECT_EQ(file.error().hint, "look at what it says, then 'chown root policy.yaml'");
    setenv("SUDO_UID", "12345", 1);
    EXPECT_EQ(cause(path), "");
    setenv("SUDO_UID", "1234", 1);
    EXPECT_NE(cause(path), "");
    unsetenv("SUDO_UID");
}

TEST(Source, RefusesWhatIsTooLarge) {
    const TemporaryFolder folder;
    const auto path = folder.write("policy.yaml", "");
    std::filesystem::resize_file(path, 100'000'000);
    EXPECT_EQ(cause(path), "it is larger than 16 MB, the limit");
    EXPECT_EQ(cause(path, set_size_limit), "it is larger than 64 MB, the limit");
    EXPECT_EQ(cause("/proc/self/maps", 10),
              "it is larger than 0 MB, the limit");  // it says 0 bytes
}

// Of /etc/shadow, say, each line would be quoted as no address.
TEST(Source, NothingIsQuotedOfAFileThatOnlyTheLinkMakesReadable) {
    const TemporaryFolder folder;
    ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
    const auto secret = folder.write("secret", "hidden:word\n");
    const auto link = folder.path() / "link";
    std::filesystem::create_symlink(secret, link);
    const auto said = [&](const std::string &policy) {
        folder.write("policy.yaml", "policy: test\n" + policy);
        const auto result = read_policy(folder.path() / "policy.yaml", {});
        EXPECT_TRUE(result.diagnostics.has_errors());
        return render(result.diagnostics, false);
    };
    const std::string as_set = "peers: { a: { file: link } }\n", as_policy = "include: [link]\n";
    EXPECT_THAT(said(as_set), testing::HasSubstr("hidden"));  // everybody may read it
    ASSERT_EQ(chmod(secret.c_str(), 0600), 0);
    for (const std::string &policy : {as_set, as_policy}) {
        EXPECT_THAT(said(policy), testing::Not(testing::HasSubstr("hidden")));
        EXPECT_THAT(said(policy), testing::HasSubstr("it is not quoted, as a link leads to it"));
        EXPECT_THAT(said(policy), testing::HasSubstr("look at line 1 of " + secret.string()));
    }
    std::filesystem::remove(link);
    std::filesystem::create_hard_link(secret, link);
    EXPECT_THAT(said(as_set), testing::Not(testing::HasSubstr("hidden")));
    EXPECT_THAT(said(as_set), testing::HasSubstr("as the file has a second name (a hard link)"));
    std::filesystem::remove(link);
    std::filesystem::rename(secret, link);  // its own name
    EXPECT_THAT(said(as_set), testing::HasSubstr("hidden"));
    // A folder on the way that others may not search.
    const auto closed = folder.path() / "closed";
    std::filesystem::create_directory(closed);
    ASSERT_EQ(chmod(closed.c_str(), 0700), 0);
    ASSERT_EQ(chmod(link.c_str(), 0644), 0);
    std::filesystem::rename(link, closed / "secret");
    std::filesystem::create_symlink(closed / "secret", link);
    EXPECT_THAT(said(as_set), testing::Not(testing::HasSubstr("hidden")));
}

TEST(Source, PolicyThatCannotBeRead) {
    const auto result = read_policy("/no/such/policy.yaml", {});
    EXPECT_FALSE(result.policy);
    EXPECT_TRUE(result.unreadable);
    EXPECT_EQ(
        render(result.diagnostics, false),
        "portmatrix: error: cannot read policy '/no/such/policy.yaml': no such file or directory (ENOENT)\n");
}

TEST(Source, OnlyThePolicyFileItselfIsUnreadable) {
    const TemporaryFolder folder;
    const auto path = folder.write("policy.yaml", "policy: test\ninclude: [none.yaml]\n");
    const auto result = read_policy(path, {});
    EXPECT_TRUE(result.diagnostics.has_errors());
    EXPECT_FALSE(result.unreadable);
}

}  // namespace
}  // namespace pm
