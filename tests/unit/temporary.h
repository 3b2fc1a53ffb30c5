// SPDX-License-Identifier: Apache-2.0
// A folder of a test's own, removed with all that is in it.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "policy/language/read.h"

namespace pm::test {

class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = testing::TempDir() + "pm-unit-XXXXXX";
        if (mkdtemp(name.data())) path_ = name;
        EXPECT_FALSE(path_.empty());
    }
    ~TemporaryFolder() {
        std::error_code error;
        std::filesystem::remove_all(path_, error);
    }
    TemporaryFolder(const TemporaryFolder &) = delete;
    TemporaryFolder &operator=(const TemporaryFolder &) = delete;

    const std::filesystem::path &path() const { return path_; }

    std::filesystem::path write(const std::string &name, const std::string &text) const {
        const auto path = path_ / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream file(path, std::ios::binary);
        file << text;
        EXPECT_TRUE(file.flush()) << path;
        return path;
    }

    ReadResult read(const std::string &name, const ReadOptions &options = {}) const {
        return read_policy(path_ / name, options);
    }

private:
    std::filesystem::path path_;
};

}  // namespace pm::test
