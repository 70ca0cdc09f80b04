package io.frz.packager

import com.android.apksig.ApkSigner
import com.android.apksig.KeyConfig
import java.io.File

/**
 * Aligns the uncompressed entries of [unsigned] and signs it with signature schemes 1, 2 and 3, for all versions of
 * Android from [MIN_SDK] on.
 */
internal fun sign(unsigned: File, output: File, key: SigningKey) {
    val signer = ApkSigner.SignerConfig.Builder("frz", KeyConfig.Jca(key.key), listOf(key.certificate)).build()
    ApkSigner.Builder(listOf(signer))
        .setInputApk(unsigned)
        .setOutputApk(output)
        .setMinSdkVersion(MIN_SDK)
        .setLibraryPageAlignmentBytes(PAGE)
        .setCreatedBy("frformat")
        .build()
        .sign()
}

/** The largest page size of phones, in bytes. The offset of an uncompressed library must be a multiple of it. */
internal const val PAGE = 16384
