package io.frz.demo.share

import android.content.ClipData
import android.content.ContentProvider
import android.content.ContentValues
import android.content.Context
import android.content.Intent
import android.database.Cursor
import android.database.MatrixCursor
import android.graphics.Bitmap
import android.net.Uri
import android.os.Build
import android.os.ParcelFileDescriptor
import android.provider.OpenableColumns
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.io.OutputStream
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import java.util.TimeZone

/** Gives the recipients of a shared file read access to that file and to nothing else. */
public class SharedFiles : ContentProvider() {
    override fun onCreate(): Boolean = true

    override fun getType(uri: Uri): String = if (uri.lastPathSegment.orEmpty().endsWith(PNG)) PICTURE else REPORT

    @Throws(FileNotFoundException::class)
    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor {
        if (mode != "r") throw FileNotFoundException("shared files are read-only")
        val file = file(uri) ?: throw FileNotFoundException("there is no file $uri")
        return ParcelFileDescriptor.open(file, ParcelFileDescriptor.MODE_READ_ONLY)
    }

    override fun query(
        uri: Uri,
        columns: Array<String>?,
        selection: String?,
        arguments: Array<String>?,
        order: String?
    ): Cursor? {
        val file = file(uri) ?: return null
        val known = mapOf<String, Any>(OpenableColumns.DISPLAY_NAME to file.name, OpenableColumns.SIZE to file.length())
        val asked = columns?.filter { it in known } ?: known.keys.toList()
        return MatrixCursor(asked.toTypedArray(), 1).apply { addRow(asked.map { known[it] }) }
    }

    override fun insert(uri: Uri, values: ContentValues?): Uri = refuse()

    override fun update(uri: Uri, values: ContentValues?, selection: String?, arguments: Array<String>?): Int = refuse()

    override fun delete(uri: Uri, selection: String?, arguments: Array<String>?): Int = refuse()

    private fun refuse(): Nothing = throw UnsupportedOperationException("shared files are read-only")

    /**
     * Returns the file that [uri] names, or null if there is none. Names with a slash are refused, so a URI cannot
     * refer to a file outside the folder.
     */
    private fun file(uri: Uri): File? =
        uri.lastPathSegment?.takeIf { '/' !in it }?.let { File(folder(context!!), it) }?.takeIf { it.isFile }

    internal companion object {
        private const val AUTHORITY = "io.frz.demo.shared"
        private const val REPORT = "application/json"
        private const val PICTURE = "image/png"
        private const val PNG = ".png"

        /** Returns the folder of the shared files. */
        fun folder(context: Context): File = File(context.cacheDir, "shared")

        /** Deletes earlier shared files, and writes a new one, which appears only when it is complete. */
        @Throws(IOException::class)
        fun save(context: Context, name: String, write: (OutputStream) -> Unit): File {
            val folder = folder(context)
            folder.mkdirs()
            folder.listFiles()?.forEach { it.delete() }
            val part = File(folder, "part")
            part.outputStream().buffered().use(write)
            val file = File(folder, name)
            if (!part.renameTo(file)) throw IOException("$part cannot be renamed to $file")
            return file
        }

        /** Saves a report of this [kind], whose name contains the phone's model and the time. */
        @Throws(IOException::class)
        fun save(context: Context, kind: String, report: String): File {
            val device = Build.MODEL.replace(Regex("[^A-Za-z0-9]+"), "-")
            return save(context, "$kind-$device-${time("yyyyMMdd-HHmmss")}.json") { it.write(report.toByteArray()) }
        }

        /** Returns the current time in UTC. */
        fun time(pattern: String): String = SimpleDateFormat(pattern, Locale.ROOT)
            .apply { timeZone = TimeZone.getTimeZone("UTC") }.format(Date())

        /** Returns an intent that lets the user choose an app to share [report] with. */
        fun report(report: File, title: CharSequence): Intent = send(report, REPORT, title) {}

        /** Saves [picture] and returns an intent to share it, described by [words]. */
        @Throws(IOException::class)
        fun picture(context: Context, picture: Bitmap, words: String, title: CharSequence): Intent {
            val file = save(context, "result$PNG") { picture.compress(Bitmap.CompressFormat.PNG, 100, it) }
            return send(file, PICTURE, title) { it.putExtra(Intent.EXTRA_TEXT, words) }
        }

        private fun send(file: File, type: String, title: CharSequence, more: (Intent) -> Unit): Intent {
            val uri = Uri.Builder().scheme("content").authority(AUTHORITY).appendPath(file.name).build()
            val send = Intent(Intent.ACTION_SEND)
                .setType(type)
                .putExtra(Intent.EXTRA_STREAM, uri)
                .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
            // Android grants access to URIs in the clip data, but not to those in extras.
            send.clipData = ClipData.newRawUri(null, uri)
            more(send)
            return Intent.createChooser(send, title).addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
        }
    }
}
