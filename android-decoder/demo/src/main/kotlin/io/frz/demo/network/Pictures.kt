package io.frz.demo.network

import android.content.ContentResolver
import android.content.res.AssetManager
import android.database.sqlite.SQLiteException
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Matrix
import android.net.Uri
import android.provider.MediaStore
import java.io.FileNotFoundException
import java.io.IOException

/** Reads the app's pictures and those of its user. */
internal object Pictures {
    /** Returns the picture in the asset [name] without scaling it. */
    @Throws(IOException::class)
    fun asset(assets: AssetManager, name: String, sample: Int = 1): Bitmap = assets.open(name).use {
        BitmapFactory.decodeStream(it, null, options(sample)) ?: throw IOException("$name is not a picture")
    }

    /** Returns a smaller version of the picture in the asset [name], or null if it cannot be read. */
    fun thumbnail(assets: AssetManager, name: String): Bitmap? = try {
        asset(assets, name, SMALLER)
    } catch (_: IOException) {
        null
    }

    /** Returns the picture that the user has picked, upright and not much larger than [LARGEST]. */
    @Throws(IOException::class)
    fun own(resolver: ContentResolver, uri: Uri): Bitmap {
        val size = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        open(resolver, uri).use { BitmapFactory.decodeStream(it, null, size) }
        var sample = 1
        while (maxOf(size.outWidth, size.outHeight) / (2 * sample) >= LARGEST) sample *= 2
        val picture = open(resolver, uri).use { BitmapFactory.decodeStream(it, null, options(sample)) }
            ?: throw IOException("this phone cannot read it as a picture")
        val turn = orientation(resolver, uri)
        if (turn == 0f) return picture
        val matrix = Matrix().apply { setRotate(turn) }
        return Bitmap.createBitmap(picture, 0, 0, picture.width, picture.height, matrix, true)
    }

    private fun open(resolver: ContentResolver, uri: Uri) = try {
        resolver.openInputStream(uri) ?: throw FileNotFoundException("it no longer exists")
    } catch (e: SecurityException) {
        throw IOException("the permission to read it has expired; choose it again", e)
    }

    /** Returns the angle by which to rotate the picture, in degrees, or 0 if the provider does not report it. */
    private fun orientation(resolver: ContentResolver, uri: Uri): Float {
        val column = arrayOf(MediaStore.Images.ImageColumns.ORIENTATION)
        val cursor = try {
            resolver.query(uri, column, null, null, null)
        } catch (_: SQLiteException) {
            null // The provider does not have the column.
        } catch (_: IllegalArgumentException) {
            null // Some providers report a missing column in this way.
        }
        return cursor?.use { if (it.columnCount == 1 && it.moveToFirst()) it.getFloat(0) else null } ?: 0f
    }

    private fun options(sample: Int) = BitmapFactory.Options().apply {
        inPreferredConfig = Bitmap.Config.ARGB_8888
        inScaled = false
        inSampleSize = sample
    }

    /** Pictures are halved in size while their longer side keeps at least this many pixels. */
    private const val LARGEST = 1024

    /** The factor by which a thumbnail is smaller than its picture. Thumbnails of tiny pictures remain recognizable. */
    private const val SMALLER = 2
}
